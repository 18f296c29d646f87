"""What to send next, and the record of it."""
