"""The inner app's own lifespan, run in the same task and context as ours.

What it sets at start-up flows into requests like what providers set (G6), and a task group in
it is entered and left in one task.
"""

from collections.abc import Awaitable, Callable

from lifescope._asgi.protocol import AsgiApp, AsgiScope, Message

__all__ = ["InnerLifespan"]


class InnerLifespan:
    """One run of an app's lifespan, if it has any.

    Args:
        started: Awaited when the app has started.
        until_stop: Waits until the app is to stop.

    Attributes:
        failure: What the app has told the server about a failure of its own.
        error: The error that stands for it, where the app has only told and not raised it.
    """

    def __init__(
        self, started: Callable[[], Awaitable[None]], until_stop: Callable[[], Awaitable[None]]
    ) -> None:
        self._started = started
        self._until_stop = until_stop
        self._is_asked = False
        self._has_started = False
        self._is_stopped = False
        self.failure: Message = {}
        self.error: Exception | None = None

    async def run(self, app: AsgiApp, asgi_scope: AsgiScope) -> None:
        """Run until the app is to stop, and has shut down."""
        try:
            await app(asgi_scope, self._receive, self._send)
        except Exception:
            if self._is_asked or _has_lifespan(app):
                raise
            # The ASGI specification's way to say "no lifespan here": an error before receive().
        if self.failure:
            message = self.failure.get("message", "")
            self.error = RuntimeError(f"the app's own lifespan failed: {message}")
            raise self.error
        if not self._has_started:
            await self._start()
        if not self._is_stopped:
            await self._until_stop()

    async def _start(self) -> None:
        self._has_started = True
        await self._started()

    async def _receive(self) -> Message:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "lifespan.startup"}
        self._is_stopped = True
        await self._until_stop()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            await self._start()
        elif message["type"].endswith(".failed"):
            self.failure = message  # told to the server after everything has been released


def _has_lifespan(app: object) -> bool:
    """Whether *app* is one of Starlette, which always has a lifespan.

    If it fails before it is asked to start, its middleware could not be built, say.
    """
    return getattr(getattr(app, "router", None), "lifespan_context", None) is not None
