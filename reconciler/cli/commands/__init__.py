"""The commands: one module each, and none imports another."""
