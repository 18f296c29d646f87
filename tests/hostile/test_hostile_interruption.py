"""Interruption at any moment: what was recorded so far is valid, and it is never taken for a whole run."""

PAUSE = 0.02
"""Seconds between two looks at how far a run has come."""
