"""From providers to a checked graph. Raises, never prints; runs no user code."""
