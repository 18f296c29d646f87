"""Judge recorded traffic: what a recording shows of the world, what is kept of it, and the command."""
