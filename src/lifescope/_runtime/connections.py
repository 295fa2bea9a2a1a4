"""The connection of a request as Starlette's objects, made when first asked for.

Starlette is imported only where somebody has asked for one of its classes, and so has
imported it already.
"""

import sys
from typing import Any, Protocol

__all__ = ["Connection", "given_in", "make"]


class Connection(Protocol):
    """What a request scope is opened for: the three arguments of an ASGI app."""

    asgi_scope: Any

    async def receive(self) -> Any:
        """The next message."""
        ...

    def send(self, message: Any) -> Any:
        """Hand *message* on; to be awaited."""
        ...


def make(form: type, connection: Connection) -> Any:
    """A `Request`, `WebSocket` or `HTTPConnection` for *connection*."""
    asgi_scope = connection.asgi_scope
    if form.__qualname__ == "HTTPConnection":
        return form(asgi_scope)
    kind = "Request" if asgi_scope["type"] == "http" else "WebSocket"
    if form.__qualname__ != kind:
        raise LookupError(f"this connection is a {kind}; ask for HTTPConnection, which fits both")
    return form(asgi_scope, connection.receive, connection.send)


def given_in(arguments: tuple[Any, ...]) -> Any:
    """The connection among the arguments of an endpoint, None if there is none."""
    requests = sys.modules.get("starlette.requests")
    if requests is None:
        return None
    for argument in arguments:
        if isinstance(argument, requests.HTTPConnection):
            return argument
    return None
