"""One connection as the root sees it: what has been sent, and how to end it from outside."""

from typing import Any

from anyio import CancelScope

from lifescope._asgi.protocol import AsgiScope, Message, Receive, Send, refuse
from lifescope._runtime import loops

__all__ = ["Connection", "Http", "WebSocket"]

_SERVICE_RESTART = 1012
"""The code with which a WebSocket is closed (IANA's registry of WebSocket close codes)."""


class Connection:
    """A connection that an app serves at the moment.

    Args:
        asgi_scope: Of the connection.
        receive: The server's.
        send: The server's.
        task: In which the app serves it.
        guard: The cancel scope around that, where there is one; on trio there always is.

    Attributes:
        is_cancelled: It was cancelled by us, because the app stops.
    """

    __slots__ = ("_asgi_scope", "_guard", "_receive", "_send", "_task", "is_cancelled")

    def __init__(
        self,
        asgi_scope: AsgiScope,
        receive: Receive,
        send: Send,
        task: object,
        guard: CancelScope | None,
    ) -> None:
        self._asgi_scope = asgi_scope
        self._receive = receive
        self._send = send
        self._task = task
        self._guard = guard
        self.is_cancelled = False

    def __str__(self) -> str:
        kind = self._asgi_scope.get("method", "WebSocket")
        return f"{kind} {self._asgi_scope.get('path', '')}"

    @property
    def is_gone(self) -> bool:
        """The client has gone before it had the whole response."""
        return False

    async def receive(self) -> Message:
        """The server's next message."""
        return await self._receive()

    def send(self, message: Message) -> Any:
        """Hand *message* on. No coroutine: each one would cost, and there is nothing to await."""
        return self._send(message)

    def cancel(self) -> None:
        """Cancel the task that serves it."""
        self.is_cancelled = True
        loops.cancel(self._task, self._guard)

    async def end(self, error: BaseException | None) -> None:
        """Be through with a cancellation of ours, and tell the client."""
        await loops.take_back_cancel(self._task, error)
        await self._tell()

    async def _tell(self) -> None:
        """Tell the client that the app has stopped, if it can still be told."""


class Http(Connection):
    """A request.

    Frameworks cancel a streaming body when the client has gone, and return as if all were
    well. So this looks at what passes through, and providers are told.
    """

    __slots__ = ("_has_all", "_has_begun", "_is_gone")

    def __init__(
        self,
        asgi_scope: AsgiScope,
        receive: Receive,
        send: Send,
        task: object,
        guard: CancelScope | None,
    ) -> None:
        # Spelled out: a request path does not pay for super().
        self._asgi_scope = asgi_scope
        self._receive = receive
        self._send = send
        self._task = task
        self._guard = guard
        self.is_cancelled = self._has_all = self._has_begun = self._is_gone = False

    @property
    def is_gone(self) -> bool:
        """The client has gone before it had the whole response."""
        return self._is_gone

    async def receive(self) -> Message:
        """The server's next message."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._has_all:
            self._is_gone = True
        return message

    def send(self, message: Message) -> Any:
        """Hand *message* on."""
        if message["type"] in _BODIES:
            self._has_all = not message.get("more_body", False)
        else:
            self._has_begun = True
        return self._send(message)

    async def _tell(self) -> None:
        if not self._has_begun:  # otherwise all that is left is not to end the response
            await refuse(self._asgi_scope, self._send)


_BODIES = ("http.response.body", "http.response.pathsend")


class WebSocket(Connection):
    """A WebSocket."""

    __slots__ = ("_is_accepted", "_is_closed")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._is_accepted = self._is_closed = False

    async def receive(self) -> Message:
        """The server's next message."""
        message = await self._receive()
        self._is_closed = self._is_closed or message["type"] == "websocket.disconnect"
        return message

    def send(self, message: Message) -> Any:
        """Hand *message* on."""
        kind = message["type"]
        self._is_accepted = self._is_accepted or kind == "websocket.accept"
        # websocket.http.response.start refuses it, too
        self._is_closed = self._is_closed or kind not in ("websocket.accept", "websocket.send")
        return self._send(message)

    async def _tell(self) -> None:
        if self._is_closed:
            return
        if not self._is_accepted:
            await refuse(self._asgi_scope, self._send)
            return
        close = {"type": "websocket.close", "code": _SERVICE_RESTART, "reason": "stopping"}
        await self._send(close)
