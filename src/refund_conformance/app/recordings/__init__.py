"""Recordings of HTTP traffic that others made, read into one plain form."""
