"""Live: one running lifespan of a root, as its requests see it."""

import enum
from collections.abc import Callable, Mapping
from typing import Any

from anyio import CancelScope, current_time

from lifescope import errors
from lifescope._asgi.connections import Connection
from lifescope._asgi.protocol import AsgiApp, AsgiScope
from lifescope._runtime import binding, guards, loops
from lifescope._runtime.overlays import overlays_of
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
        loop: What identifies its event loop.
        key: Under which requests find it in their state; given by the root when it is ready.
        is_ready: Whether it takes connections.
        entrance: By which requests come in; None where that depends on the context.
    """

    app: AsgiApp
    key: str

    def __init__(self, scope: OpenScope, state: dict[str, Any], startup: Startup) -> None:
        self._phase = Phase.STARTING
        self.is_ready = False
        self.scope = scope
        self.state = state
        self.startup = startup
        self.loop = loops.loop_token()
        self.changes: list[binding.Change] = []
        # Found out once, and not for each request.
        self.current_task = loops.task_getter()
        self._level_test = loops.level_cancellation_test()
        self._cancel_scopes = loops.cancel_scopes()
        self._is_trio = loops.is_trio()  # it cancels by them
        self._overlays = overlays_of(scope)
        self._overlays.listeners.append(self._overridden)
        self.entrance: Entrance | None
        self._overridden()

    def _overridden(self) -> None:
        """An override has begun, or ended."""
        overlays = self._overlays
        self.entrance = None if overlays.has_local else self._entrance(overlays.for_all())

    def entrance_here(self) -> "Entrance":
        """The entrance in this context."""
        return self._entrance(self._overlays.in_force())

    def _entrance(self, target: OpenScope) -> "Entrance":
        engine = target._inside
        if not (engine.releases_in_requests or self._is_trio):
            return Entrance(target, engine.request_opener, None, None)
        return Entrance(target, engine.request_opener, self._level_test, self._cancel_scopes)

    async def end_work(self, seconds: float) -> None:
        """Wait so many *seconds* for the requests and background work, then cancel them.

        Raises what cancels that, when all have ended.
        """
        deadline = current_time() + seconds
        cancelled: BaseException | None = None
        for running in self._overlays.running():
            left = 0 if cancelled is not None else max(0, deadline - current_time())
            try:
                await running.end(left)
            except BaseException as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def cancel_work(self) -> None:
        """Cancel them now."""
        for running in self._overlays.running():
            running.cancel()

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        self.is_ready = phase is Phase.READY

    def hand_on_state(self, asgi_scope: AsgiScope) -> None:
        """Do what a server does that hands the lifespan's state on to requests.

        Also when it has ended: a request that comes late is told so, and finds no other one.
        """
        state = asgi_scope.setdefault("state", {})
        state[self.key] = self
        for name, value in self.state.items():
            state.setdefault(name, value)

    def enter_guard(self, request: OpenScope) -> CancelScope:
        """A guard for a request scope, and those of the user's own around it."""
        guard = guards.enter()
        for scope in request.outwards():
            if scope.parent is None:
                break
            scope._guard = guard
            scope.is_plain = False
        request.is_untouched = False
        return guard

    def has_ended_at_once(self, request: OpenScope) -> bool:
        """Close a request scope in which nothing has to wait; False if it has to be closed."""
        app = request.parent
        return app is not None and app.parent is None and request.end_plainly()

    async def end_request(
        self, request: OpenScope, connection: Connection, error: BaseException | None
    ) -> bool:
        """Close the scope of a request, and tell the client if it was us who cancelled it.

        Returns:
            Whether *error* has been dealt with.

        Raises what is to be raised instead of it.
        """
        connection.is_ending = True
        if error is None and connection.is_gone and request.failure is None:
            request.has_failed(errors.ClientDisconnectedError())  # whatever the policy
        failure: BaseException | None = None
        try:
            await self._close(request, error)
        except BaseException as raised:
            if not connection.is_cancelled:
                raise
            failure = raised
        if not connection.is_cancelled:
            return False
        await connection.end(failure or error)
        # What we have cancelled is nobody else's cancellation, also where it came so late
        # that it was held back while the releases ran.
        left = loops.without_cancellations(failure) or loops.without_cancellations(error)
        if left is None or left is error:
            return left is None
        raise left

    async def _close(self, scope: OpenScope, error: BaseException | None) -> None:
        """Close a request scope, and any of the user's own between it and the app scope."""
        parent = scope.parent
        if parent is None or parent.parent is None:
            if not scope.close_at_once(error):
                await scope.close(error)
            return
        if scope.failure is not None:
            parent.has_failed(scope.failure)
        try:
            await scope.close(error)
        except BaseException as failure:
            await self._close(parent, error or failure)
            raise
        await self._close(parent, error)


class Entrance:
    """What a request needs to know to be let in; in one object, as it is replaced as one.

    Whoever begins an override may be in another thread.

    Attributes:
        target: The app scope in which the request is opened: that of an override, if there is one.
        open: Opens it, for a task.
        needs_guard: Whether that task needs a guard; None if that is not the way to tell.
        cancel_scopes: The table of those that do, as `loops.cancel_scopes`; None if none does.
        running: The connections that are being served in it, and background work.
    """

    __slots__ = ("cancel_scopes", "needs_guard", "open", "running", "target")

    def __init__(
        self,
        target: OpenScope,
        open: Callable[[OpenScope, object], OpenScope],  # noqa: A002
        needs_guard: Callable[[Any], bool] | None,
        cancel_scopes: Mapping[object, Any] | None,
    ) -> None:
        self.target = target
        self.open = open
        self.needs_guard = needs_guard
        self.cancel_scopes = cancel_scopes
        self.running = target.running
