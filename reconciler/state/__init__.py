"""What has been done: the state as a value, and its file."""
