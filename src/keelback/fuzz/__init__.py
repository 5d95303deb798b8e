"""Random programs on a kernel, a user's own parts in it, until something is wrong."""
