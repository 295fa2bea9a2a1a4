"""A context variable that start-up sets, and who sees it: with a lifespan, and with a root."""
