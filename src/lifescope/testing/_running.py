"""A running app for clients in the same process."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from lifescope._asgi.host import Block, Protocol
from lifescope._asgi.protocol import AsgiApp, AsgiScope, Message, Receive, Send
from lifescope._asgi.root import Root
from lifescope._asgi.stopping import is_told_by_error

__all__ = ["running"]


def running(app: Any) -> AbstractAsyncContextManager[AsgiApp]:
    """Run the lifespan of *app* around a block, and give an app for clients in this process.

    `async with running(app) as served:` starts everything, as a server does, and stops it at the
    end of the block; `httpx.ASGITransport(app=served)` serves requests from it. It works on
    asyncio and on trio. Starlette's and FastAPI's `TestClient` runs lifespans itself, and takes
    *app* as it is: `with TestClient(app) as client:`.

    Args:
        app: What `container.asgi(...)` returns, or any ASGI app around it: a middleware, or an
            app in which it is mounted.

    Raises:
        Exception: What the start, the stop or a crash raises, as itself.
    """
    return app.factory() if isinstance(app, Root) else Block(app, lambda ready: _run(app, ready))


def _run(app: AsgiApp, ready: Callable[[Any], None]) -> Protocol:
    """What runs the lifespan of an app that is no root."""

    async def run(asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        is_told_by_error.set(True)
        failed: list[str] = []

        async def heard(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                ready(_State(asgi_scope["state"]))
            elif message["type"].endswith(".failed"):
                failed.append(f"{message['type']}: {message.get('message', '')}")
            await send(message)

        await app(asgi_scope, receive, heard)
        if failed:
            raise RuntimeError(failed[0])

    return run


class _State:
    """The state of a lifespan, as servers hand it on: a copy for each connection."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def hand_on_state(self, asgi_scope: AsgiScope) -> None:
        """Put it into the ASGI scope of a connection."""
        asgi_scope["state"] = {**self.state, **asgi_scope.get("state", {})}
