"""`bans.yaml`: reading it, its schemas, and its canonical form."""
