"""The composition root: the lifespan protocol, and a request scope for each connection."""
