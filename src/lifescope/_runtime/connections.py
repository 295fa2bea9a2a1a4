"""The connection of a request as a framework's object, made when first asked for.

A framework is not imported: somebody has asked for one of its classes, and has done so.
"""

from functools import lru_cache
from typing import Any, Protocol, cast

__all__ = ["Connection", "given_in", "is_asgi_call", "is_connection", "make"]

_FOR_BOTH = {"starlette": "HTTPConnection", "litestar": "ASGIConnection"}
"""The base classes of what each framework makes for requests and for WebSockets."""

_BASES = {("starlette.requests", "HTTPConnection"), ("litestar.connection.base", "ASGIConnection")}
"""Where they are."""


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
    """A `Request`, a `WebSocket` or what fits both for *connection*."""
    asgi_scope = connection.asgi_scope
    for_both = _FOR_BOTH[form.__module__.partition(".")[0]]
    kind = "Request" if asgi_scope["type"] == "http" else "WebSocket"
    if form.__qualname__ not in (kind, for_both):
        raise LookupError(f"this connection is a {kind}; ask for {for_both}, which fits both")
    if form.__qualname__ == "HTTPConnection":
        return form(asgi_scope)
    return form(asgi_scope, connection.receive, connection.send)


def given_in(arguments: tuple[Any, ...]) -> Any:
    """The connection among the arguments of an endpoint, None if there is none."""
    for argument in arguments:
        if is_connection(cast("Any", type(argument))):
            return argument
    return None


@lru_cache(256)
def is_connection(cls: Any) -> bool:
    """Whether it is a class of connections; kept, as to ask an abstract class takes long."""
    return any((base.__module__, base.__qualname__) in _BASES for base in cls.__mro__)


def is_asgi_call(arguments: tuple[Any, ...]) -> bool:
    """Whether these are the three arguments of an ASGI app: a connection's, and two functions."""
    if len(arguments) < 3:
        return False
    has_scope = any(
        isinstance(argument, dict)
        and cast("dict[str, Any]", argument).get("type") in ("http", "websocket")
        for argument in arguments
    )
    return has_scope and sum(map(callable, arguments)) >= 2
