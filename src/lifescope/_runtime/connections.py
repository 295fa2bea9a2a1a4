"""The connection of a request as Starlette's objects, made when first asked for.

Starlette is imported only where somebody has asked for one of its classes, and so has
imported it already.
"""

import sys
from typing import Any

__all__ = ["given_in", "keys_of", "make"]


def make(form: type, connection: tuple[Any, Any, Any]) -> Any:
    """A `Request`, `WebSocket` or `HTTPConnection` for (asgi_scope, receive, send)."""
    asgi_scope, receive, send = connection
    if form.__qualname__ == "HTTPConnection":
        return form(asgi_scope)
    kind = "Request" if asgi_scope["type"] == "http" else "WebSocket"
    if form.__qualname__ != kind:
        raise LookupError(f"this connection is a {kind}; ask for HTTPConnection, which fits both")
    return form(asgi_scope, receive, send)


def given_in(arguments: tuple[Any, ...]) -> Any:
    """The connection among the arguments of an endpoint, None if there is none."""
    requests = sys.modules.get("starlette.requests")
    if requests is None:
        return None
    for argument in arguments:
        if isinstance(argument, requests.HTTPConnection):
            return argument
    return None


def keys_of(connection: Any) -> list[type]:
    """The keys under which a framework's own connection object is handed in."""
    from starlette.requests import HTTPConnection, Request
    from starlette.websockets import WebSocket

    kinds: tuple[type, ...] = (Request, WebSocket, HTTPConnection)
    return [kind for kind in kinds if isinstance(connection, kind)]
