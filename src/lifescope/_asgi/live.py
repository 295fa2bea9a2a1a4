"""Live: one running lifespan of a root, and how it serves connections."""

import enum
from typing import Any

from lifescope import errors
from lifescope._asgi.connections import Http, WebSocket
from lifescope._asgi.protocol import AsgiApp, AsgiScope, Receive, Send, refuse
from lifescope._runtime import binding, guards, loops
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.scope import OpenScope
from lifescope._runtime.startup import Startup

__all__ = ["Live", "Phase"]


class Phase(enum.Enum):
    """Where a lifespan is; only a ready one takes connections."""

    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Live:
    """One running lifespan of a root.

    Attributes:
        app: The app that the factory has given.
        scope: The app scope.
        state: The lifespan's state, for servers that do not hand it on.
        changes: What start-up has changed in context variables.
        startup: How the start went.
    """

    app: AsgiApp

    def __init__(self, scope: OpenScope, state: dict[str, Any], startup: Startup) -> None:
        self.phase = Phase.STARTING
        self.scope = scope
        self.state = state
        self.startup = startup
        self.running = scope.running
        self.changes: list[binding.Change] = []
        self._engine = scope._engine
        self._current_task = loops.task_getter()

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection, in a context that descends from the lifespan's (ASGI 3)."""
        kind = asgi_scope["type"]
        if kind not in ("http", "websocket"):
            await self.app(asgi_scope, receive, send)
            return
        if self.phase is not Phase.READY:
            await refuse(asgi_scope, send)
            return
        task = self._current_task()
        guard = guards.enter_early(task)
        connection = (Http if kind == "http" else WebSocket)(asgi_scope, receive, send, task, guard)
        receive, send = connection.receive, connection.send
        scope = self._engine.open_request(self.scope, (asgi_scope, receive, send), task, guard)
        tokens = binding.apply(self.changes)
        tokens.append(binding.current.set(scope))
        self.running.work[scope] = connection
        try:
            await self.app(asgi_scope, receive, send)
        except BaseException as error:
            tokens += scope.effects()
            await self._close(scope, error)
            if not connection.is_cancelled:
                raise
            await connection.end(error)
            if not is_cancellation(error):
                raise
        else:
            if connection.is_gone and scope.failure is None:
                scope.record_failure(errors.ClientDisconnectedError())
            tokens += scope.effects()
            if not (scope.parent is self.scope and scope.close_at_once()):
                await self._close(scope, None)
            if connection.is_cancelled:
                await connection.end(None)
        finally:
            self.running.remove(scope)
            binding.undo(tokens)

    def hand_on_state(self, asgi_scope: AsgiScope) -> None:
        """Do what a server does that hands the lifespan's state on to requests."""
        state = asgi_scope.setdefault("state", {})
        for name, value in self.state.items():
            state.setdefault(name, value)

    async def _close(self, scope: OpenScope, error: BaseException | None) -> None:
        """Close the request scope, and any of the user's own between it and the app scope."""
        parent = scope.parent
        if parent is None or parent is self.scope:
            await scope.close(error)
            return
        if scope.failure is not None:
            parent.record_failure(scope.failure)
        try:
            await scope.close(error)
        except BaseException as failure:
            await self._close(parent, error or failure)
            raise
        await self._close(parent, error)
