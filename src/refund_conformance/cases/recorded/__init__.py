"""Requests that somebody else sent: what can be said of the situation of each, from what was recorded alone."""
