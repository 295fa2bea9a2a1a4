"""Another module with a class of the same name."""


class Repository:
    """Not the one of missing.py."""
