"""What requests are made of: bodies, JSON texts, header values, order ids. Pure; knows no target."""
