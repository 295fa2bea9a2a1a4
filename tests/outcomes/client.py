"""The client's side of connections, and the server's, in the hands of a test."""

import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from integrations.driving import LIMIT, Lifespan, Message, http_scope, lifespan

EMPTY: Message = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT: Message = {"type": "http.disconnect"}


class Exchange:
    """One connection to an app.

    Attributes:
        sent: All messages of the app.
        error: What the app has raised, for the server's log.
    """

    def __init__(self, app: Any, asgi_scope: dict[str, Any]) -> None:
        self.sent: list[Message] = []
        self.error: BaseException | None = None
        self._app = app
        self._asgi_scope = asgi_scope
        self._say, self._said = anyio.create_memory_object_stream[Message](math.inf)
        self._show, self._shown = anyio.create_memory_object_stream[Message](math.inf)
        self._cancel_scope = anyio.CancelScope()
        self._is_gone = False

    @property
    def types(self) -> list[str]:
        return [message["type"].removeprefix("http.") for message in self.sent]

    @property
    def status(self) -> int:
        (start,) = [each for each in self.sent if each["type"] == "http.response.start"]
        return int(start["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    def json(self) -> Any:
        return json.loads(self.body)

    def say(self, message: Message) -> None:
        """Let the app have *message* when it next receives."""
        self._say.send_nowait(message)

    async def next(self) -> Message:
        """The app's next message, as soon as it is there."""
        return await self._shown.receive()

    async def next_with(self, body: bytes) -> None:
        """Wait until the app has sent *body*."""
        while body not in self.body:
            await self.next()

    def hang_up(self) -> None:
        """Be gone: what the app sends from now on is lost, and from ASGI 2.4 on, an error."""
        self._is_gone = True
        self.say(DISCONNECT)

    def cancel(self) -> None:
        """Cancel the app's task, as servers do that cannot wait any longer."""
        self._cancel_scope.cancel()

    async def run(self) -> None:
        """Be the server: call the app, and log what it raises."""
        with self._said, self._show, self._cancel_scope:
            try:
                await self._app(self._asgi_scope, self._receive, self._send)
            except Exception as error:
                self.error = error

    def close(self) -> None:
        self._say.close()
        self._shown.close()

    async def _receive(self) -> Message:
        # What is there is given at once: Starlette's `is_disconnected` does not wait.
        try:
            return self._said.receive_nowait()
        except anyio.WouldBlock:
            return await self._said.receive()

    async def _send(self, message: Message) -> None:
        if self._is_gone:
            if self._asgi_scope["asgi"]["spec_version"] >= "2.4":
                raise OSError("the client has gone")
            return
        self.sent.append(message)
        await self._show.send(message)


class Client:
    """Connections to an app whose lifespan runs."""

    def __init__(self, app: Any, running: Lifespan) -> None:
        self._app = app
        self._state = running.state

    async def ask(
        self,
        path: str = "/",
        *,
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Send a POST request, and wait for the end of everything that belongs to it."""
        async with self.connection(path, query=query, headers=headers) as exchange:
            exchange.say({"type": "http.request", "body": body, "more_body": False})
        return exchange

    @asynccontextmanager
    async def connection(
        self,
        path: str = "/",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        spec_version: str = "2.3",
    ) -> AsyncIterator[Exchange]:
        """A POST request; after the block, what belongs to it is awaited."""
        sent = {"content-type": "application/json", **(headers or {})}
        asgi_scope = {
            **http_scope(path, state=self._state),
            "asgi": {"version": "3.0", "spec_version": spec_version},
            "method": "POST",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        async with self._running(asgi_scope) as exchange:
            yield exchange

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[Exchange]:
        """A WebSocket, to which the client has said `websocket.connect`."""
        asgi_scope = {
            **http_scope(state=self._state),
            "type": "websocket",
            "scheme": "ws",
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }
        async with self._running(asgi_scope) as exchange:
            exchange.say({"type": "websocket.connect"})
            yield exchange

    @asynccontextmanager
    async def _running(self, asgi_scope: dict[str, Any]) -> AsyncIterator[Exchange]:
        exchange = Exchange(self._app, asgi_scope)
        try:
            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as group:
                    group.start_soon(exchange.run)
                    yield exchange
        finally:
            exchange.close()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[Client]:
    """Run the lifespan of *app* around the block, and give a client for it."""
    async with lifespan(app) as running:
        assert running.sent == ["lifespan.startup.complete"], running.error
        yield Client(app, running)
    assert running.error is None
