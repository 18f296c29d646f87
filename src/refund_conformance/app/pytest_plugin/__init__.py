"""The pytest plugin: options, fixtures, the beginning and end of a run."""
