"""What a run leaves behind: events, and everything that is made from them."""
