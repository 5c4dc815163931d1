"""Who spoke in chat logs while banned: pure, from bytes of a log to findings."""
