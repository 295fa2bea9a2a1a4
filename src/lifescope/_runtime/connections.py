"""The connection of a request as Starlette's objects, made when first asked for.

Starlette is not imported: somebody has asked for one of its classes, and has done so.
"""

from functools import lru_cache
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
    for argument in arguments:
        if _is_connection(type(argument)):
            return argument
    return None


@lru_cache(256)
def _is_connection(cls: type) -> bool:
    """Whether it is a class of connections; kept, as to ask an abstract class takes long."""
    names = ((base.__module__, base.__qualname__) for base in cls.__mro__)
    return ("starlette.requests", "HTTPConnection") in names
