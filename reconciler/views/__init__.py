"""How things look: values in, text out. Nothing here prints."""
