"""What `doctor` looks at: each module judges one thing, by what it is told or asks for; none changes anything."""
