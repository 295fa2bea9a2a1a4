"""Background work: it has a scope of its own, and the app scope does not end under it (G9)."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, from_thread

from lifescope import errors
from lifescope._model.keys import as_key
from lifescope._model.names import spell_callable
from lifescope._model.scopes import CALL, REQUEST
from lifescope._runtime import binding, loops
from lifescope._runtime.running import Running
from lifescope._runtime.scope import OpenScope

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine

__all__ = ["Spawner"]

_logger = logging.getLogger("lifescope")


class Spawner:
    """What is passed for a parameter of type `Background`."""

    def __init__(self, engine: "Engine", scope: OpenScope) -> None:
        self._engine = engine
        *_, self._app = scope.outwards()

    def spawn(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        values: Mapping[Any, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Start *fn* in a task, and a scope, of its own."""
        work = _Work(self._app, self._scope_name(), fn, values or {})
        work.check_open()
        self._check(work.scope, values or {})
        if self._app.check_loop(str(work)):
            work.start(args, kwargs)
        else:
            from_thread.run_sync(work.start, args, kwargs, token=self._app.loop_token())

    def _check(self, scope: str, values: Mapping[Any, Any]) -> None:
        if scope != self._app.name:
            self._engine.handed_in.check(scope, values)
        elif values:  # that scope is open, and has what is supplied to it
            raise errors.SuppliedValueError(scope=scope, unknown=[as_key(form) for form in values])

    def _scope_name(self) -> str:
        """The scope for the work: a request's, or what is next to the app scope."""
        scopes = self._engine.graph.scopes
        inner = REQUEST if REQUEST in scopes else scopes.narrower(scopes.widest)
        return scopes.widest if inner in (None, CALL) else inner


class _Work:
    """One piece of it."""

    def __init__(
        self, app: OpenScope, scope: str, fn: Callable[..., Any], values: Mapping[Any, Any]
    ) -> None:
        self._app = app
        self._running: Running
        self.scope = scope
        self._fn = fn
        self._values = values
        self._cancelled: CancelScope  # made in the event loop
        self._task: object = None  # asyncio itself keeps only a weak reference to a task

    def __str__(self) -> str:
        return f"{spell_callable(self._fn)} in the background"

    def check_open(self) -> None:
        """Refuse what nobody would wait for.

        Raises:
            ScopeClosedError: The app has stopped, or cancels what still runs.
        """
        if self._app.closed or self._app.running.is_ending:
            raise self._app.closed_error(f"background work, {spell_callable(self._fn)}")

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._app = self._app.in_force()  # what it opens is opened there, and waited for there
        self.check_open()  # again: a thread had to wait for its turn
        self._cancelled = CancelScope()
        self._running = self._app.running
        self._running.work[self] = self
        self._task = loops.spawn(lambda: self._run(args, kwargs), binding.snapshot())

    def cancel(self) -> None:
        self._cancelled.cancel()

    async def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            with self._cancelled:
                await self._call(args, kwargs)
        except Exception as error:
            _logger.error("%s has failed", self, exc_info=error)
        finally:
            self._running.work.pop(self, None)
            self._running.ended()

    async def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.scope == self._app.name:
            binding.current.set(self._app)  # that of the spawner may end before the work
            await self._app.call(self._fn, *args, **kwargs)
            return
        async with self._app.open(self.scope, values=self._values) as scope:
            await scope.call(self._fn, *args, **kwargs)
