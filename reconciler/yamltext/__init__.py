"""YAML text to plain data in which every scalar is the very text that stands in the file."""
