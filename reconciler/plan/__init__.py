"""What is to be done: changes, the difference that makes them, saved plans, and what became of them."""
