"""A running app for clients in the same process."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from lifescope._asgi.root import Root

__all__ = ["running"]


def running(root: Root) -> AbstractAsyncContextManager[Any]:
    """Run it."""
    return root.factory()
