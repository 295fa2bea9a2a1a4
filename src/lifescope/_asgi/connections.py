"""One connection as the root sees it: what has been sent, and how to end it from outside."""

from contextlib import suppress
from typing import Any

from anyio import CancelScope

from lifescope import errors
from lifescope._asgi.protocol import AsgiScope, Message, Receive, Send, refuse
from lifescope._model.scopes import CALL
from lifescope._runtime import binding, loops

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
        asgi_scope: As given.
        is_plain: It is neither of the two:
        is_cancelled: It was cancelled by us, because the app stops.
        is_ending: The app is through with it, and its scope is closing.
        is_gone: The client has gone before it had the whole response.
    """

    is_plain = True
    is_cancelled = False
    is_ending = False
    is_gone = False

    def __init__(
        self,
        asgi_scope: AsgiScope,
        receive: Receive,
        send: Send,
        task: object,
        guard: CancelScope | None,
    ) -> None:
        self.asgi_scope = asgi_scope
        self._receive = receive
        self._send = send
        self._task = task
        self._guard = guard

    def __str__(self) -> str:
        kind = self.asgi_scope.get("method", "WebSocket")
        return f"{kind} {self.asgi_scope.get('path', '')}"

    async def receive(self) -> Message:
        """The server's next message."""
        return await self._receive()

    def send(self, message: Message) -> Any:
        """Hand *message* on. No coroutine: each one would cost, and there is nothing to await."""
        return self._send(message)

    def cancel(self) -> None:
        """Cancel the task that serves it; once, so that its clean-up is not cut short."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        self.is_plain = False
        # The guard is around the releases, too. These have a grace of their own.
        loops.cancel(self._task, None if self.is_ending else self._guard)

    async def end(self, error: BaseException | None) -> None:
        """Be through with a cancellation of ours, and tell the client."""
        await loops.take_back_cancel(self._task, error)
        with suppress(Exception):  # a client that has gone cannot be told
            await self._tell()

    async def _tell(self) -> None:
        """Tell the client that the app has stopped, if it can still be told."""


class Http(Connection):
    """A request.

    Frameworks cancel a streaming body when the client has gone, and return as if all were
    well. So this looks at what passes through, and providers are told.
    """

    _last: Message | None = None
    """What was sent last, to be looked at when that matters: each message comes through here."""

    async def receive(self) -> Message:
        """The server's next message."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._has_all():
            self.is_gone = True
            self.is_plain = False
            _tell_call()
        return message

    def send(self, message: Message) -> Any:
        """Hand *message* on."""
        self._last = message
        return self._send(message)

    def _has_all(self) -> bool:
        """Whether the client has the whole response; what may come after a body are trailers."""
        kind = self._last["type"] if self._last is not None else None
        if self._last is None or kind not in _BODIES:
            return kind == "http.response.trailers"
        return not self._last.get("more_body", False)

    async def _tell(self) -> None:
        # Once it has begun, all that is left is not to end the response.
        if self._last is None or self._last["type"] in _BEFORE_THE_START:
            await refuse(self.asgi_scope, self._send)


_BODIES = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
_BEFORE_THE_START = ("http.response.debug", "http.response.early_hint", "http.response.push")


def _tell_call() -> None:
    """The client has gone. Tell the call that learns of it, which may well end without an error.

    It may be what makes the body, which frameworks end as if all were well. A call that begins
    afterwards, to note that the client has gone, is not concerned.
    """
    scope = binding.current.get(None)
    call = None if scope is None else scope.around(CALL)
    if call is not None and not call.closed:
        call.has_failed(errors.ClientDisconnectedError())


class WebSocket(Connection):
    """A WebSocket."""

    _is_accepted = False
    _is_closed = False

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
            await refuse(self.asgi_scope, self._send)
            return
        close = {"type": "websocket.close", "code": _SERVICE_RESTART, "reason": "stopping"}
        await self._send(close)
