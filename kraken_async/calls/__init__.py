"""One private call, from being asked for to its result."""
