"""Reads YAML into plain data in which every scalar is exactly the text in the file."""
