"""The server under test: its settings, its orders, and the client that talks to it."""
