"""What is published of the bans, for token services to read: as a value, as a document, and as rows of a table."""
