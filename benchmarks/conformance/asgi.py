"""The least ASGI client that the cases need: a lifespan, and requests made in the caller's task."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]


class StartFailedError(Exception):
    """The app said that its start failed."""


@dataclass
class Response:
    """What came back; `error` is what left the app, which a server would log."""

    status: int = 0
    body: bytes = b""
    error: BaseException | None = None
    received: list[Message] = field(default_factory=list)


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Run the app's lifespan, in a task of its own as servers do; gives the lifespan state."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    state: dict[str, Any] = {}
    asgi_scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    task = asyncio.create_task(app(asgi_scope, to_app.get, from_app.put))
    try:
        await _told(task, to_app, from_app, "startup")
        yield state
        await _told(task, to_app, from_app, "shutdown")
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _told(
    task: "asyncio.Task[Any]",
    to_app: "asyncio.Queue[Message]",
    from_app: "asyncio.Queue[Message]",
    phase: str,
) -> None:
    await to_app.put({"type": f"lifespan.{phase}"})
    answer = asyncio.create_task(from_app.get())
    await asyncio.wait({task, answer}, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        raise StartFailedError(f"the lifespan ended in {phase}") from task.exception()
    message = answer.result()
    if message["type"] == f"lifespan.{phase}.failed":
        raise StartFailedError(message.get("message", ""))


def http_scope(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An ASGI scope of `GET /`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("test", 1),
        "server": ("test", 80),
        "state": dict(state),
        **more,
    }


async def call(app: Any, asgi_scope: dict[str, Any]) -> Response:
    """Call the app in this task. What leaves it is raised as itself."""
    response = Response()
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.Event().wait()  # the client neither sends more nor goes away
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
        else:
            response.body += message.get("body", b"")

    await app(asgi_scope, receive, send)
    return response


async def get(app: Any, state: dict[str, Any]) -> Response:
    """GET /, in a task of its own as servers do; what leaves the app is in `error`."""

    async def run() -> Response:
        try:
            return await call(app, http_scope(state))
        except Exception as error:
            return Response(500, error=error)

    return await asyncio.create_task(run())


async def websocket(app: Any, state: dict[str, Any], texts: list[str]) -> Response:
    """Connect, send *texts*, then disconnect; the messages of the app are in `received`."""
    response = Response()
    messages: list[Message] = [{"type": "websocket.connect"}]
    messages += [{"type": "websocket.receive", "text": text} for text in texts]
    messages += [{"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        response.received.append(message)

    asgi_scope = http_scope(state, type="websocket", scheme="ws", subprotocols=[])
    try:
        await asyncio.create_task(app(asgi_scope, receive, send))
    except Exception as error:
        response.error = error
    return response
