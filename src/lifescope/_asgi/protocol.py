"""ASGI's own shapes (ASGI specification, version 3), and the answer of an app that has stopped.

Throughout the package `asgi_scope` is ASGI's dict; `scope` is always an open scope of ours.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = [
    "AsgiApp",
    "AsgiScope",
    "Message",
    "Receive",
    "Send",
    "refuse",
    "run_already",
    "until_shutdown",
]

AsgiScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]

_BODY = b"Service Unavailable"
_TRY_AGAIN_LATER = 1013
"""The code with which a WebSocket is refused (IANA's registry of WebSocket close codes)."""


async def refuse(asgi_scope: AsgiScope, send: Send) -> None:
    """Answer 503; a WebSocket that was not accepted yet is closed, which servers make a 403."""
    if asgi_scope["type"] == "http":
        await _send_503(asgi_scope, "http.response", send)
    elif "websocket.http.response" in asgi_scope.get("extensions", {}):
        await _send_503(asgi_scope, "websocket.http.response", send)
    else:
        await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER, "reason": "stopping"})


async def run_already(receive: Receive, send: Send) -> None:
    """Play along with a lifespan protocol that has nothing to start."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await until_shutdown(receive)
    await send({"type": "lifespan.shutdown.complete"})


async def until_shutdown(receive: Receive) -> None:
    """Wait until the server stops the lifespan; messages that nobody knows yet are no reason."""
    while (await receive())["type"] != "lifespan.shutdown":
        pass


async def _send_503(asgi_scope: AsgiScope, kind: str, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_BODY)).encode()),
    ]
    if asgi_scope.get("http_version", "1.1").startswith("1"):
        headers.append((b"connection", b"close"))  # the next one may find a server that runs
    await send({"type": f"{kind}.start", "status": 503, "headers": headers})
    await send({"type": f"{kind}.body", "body": _BODY})
