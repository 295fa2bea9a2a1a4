"""Opening: what `open()` returns. It opens scopes when it is entered, and closes them when left."""

import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Token
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import ref

from lifescope._model.names import Caller, Place, place_of_caller
from lifescope._model.provider import Provider
from lifescope._model.scopes import CALL
from lifescope._runtime import binding
from lifescope._runtime.binding import current
from lifescope._runtime.closing import State, check_closable
from lifescope._runtime.exits import release_all, report
from lifescope._runtime.loops import is_cancellation, running_loop
from lifescope._runtime.scope import OpenScope
from lifescope._runtime.starting import say_progress, start
from lifescope._runtime.startup import Startup

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine, InForce

__all__ = ["AppOpening", "Opening"]

_NOTHING: Mapping[Any, Any] = {}


class _Openings:
    """Scopes that are open for a block; the innermost is current inside."""

    _innermost: OpenScope
    _count: int = 1
    _token: Token[OpenScope] | None = None
    caller: Caller | None = None
    _stack: Sequence[str] = ()

    def is_written_in(self, frame: types.FrameType) -> None:
        """Note who says so; not as a frame, which keeps its variables alive."""
        self.caller = frame.f_code, frame.f_lasti
        if sys.flags.dev_mode:
            self._stack = traceback.format_stack(frame)

    def _opened(self, scopes: Sequence[OpenScope]) -> OpenScope:
        """They are open, the innermost last."""
        self._innermost, self._count = scopes[-1], len(scopes)
        self._token = current.set(self._innermost)
        return self._innermost

    def _scopes(self) -> Iterator[OpenScope]:
        """Those that were opened, from the inside out."""
        scope: OpenScope | None = self._innermost
        for _ in range(self._count):
            assert scope is not None
            yield scope
            scope = scope.parent

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Close from the inside out; the block's own error goes on as itself."""
        scopes = [*self._scopes()]
        for scope in scopes[::-1]:
            check_closable(scope)
        applied = [token for scope in scopes[::-1] for token in scope.effects()]
        failures: list[BaseException] = []
        outcome = self._outcome(error)
        for scope in scopes:
            try:
                told = outcome or (failures[0] if failures else None)
                if not scope.close_at_once(told):
                    await scope.close(told)
            except BaseException as failure:
                failures.append(failure)
                if error is not None and is_cancellation(error) and not is_cancellation(failure):
                    error = None  # it came from within, and this is what it was about
        if self._token is not None:
            token, self._token = self._token, None
            binding.undo([*applied, token])
        if (failed := report(failures, error)) is not None:
            raise failed

    def _outcome(self, error: BaseException | None) -> BaseException | None:
        """What providers are told: around a function, that is a matter of the policy."""
        innermost = self._innermost
        return error if error is None or innermost.name != CALL or innermost.counts(error) else None

    def __await__(self) -> NoReturn:
        """Say what was meant: awaiting does not open anything."""
        raise TypeError("open() is entered, not awaited: async with container.open() as scope: ...")

    def __del__(self) -> None:
        """Tell of scopes that nobody can close any more; with `python -X dev`, who opened them."""
        if self._token is None:
            return
        stack = "\n" + "".join(self._stack) if self._stack else ""
        place = place_of_caller(self.caller) or Place("<unknown>", 0)
        warnings.warn_explicit(
            f"{self._innermost!r} was never closed, and what it holds was not released{stack}",
            ResourceWarning,
            place.file,
            place.line,
            source=self,
        )


class AppOpening(_Openings):
    """Opens an app scope.

    Args:
        in_force: What it is opened with, when it is entered.
        values: What is handed in.
        frame: The caller's, to say where it was opened.
        eager: What is acquired at once.
    """

    def __init__(
        self,
        in_force: "Callable[[], InForce]",
        values: Mapping[Any, Any] | None,
        *,
        frame: types.FrameType | None = None,
        eager: "Callable[[Engine], Sequence[Provider]] | None" = None,
    ) -> None:
        self._in_force = in_force
        self._values = values or _NOTHING
        self._eager = eager
        if frame is not None:
            self.is_written_in(frame)

    async def __aenter__(self) -> OpenScope:
        """Open it, make it current, and acquire what starts with it."""
        in_force = self._in_force()
        engine = in_force.engine
        eager = self._eager(engine) if self._eager is not None else ()
        opened = engine.open(None, None, self._values, self.caller, ready=in_force.ready)
        if in_force.opened is not None:
            in_force.opened(opened[0])
        app = self._opened(opened)
        try:
            if eager:
                await _start(app, eager)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return app


class Opening(_Openings):
    """Opens a scope inside another one, and those between.

    Attributes:
        parent: The scope around them.
        special: The name of the innermost one, or None; and what is handed in.
        in_own_task: The task that enters is theirs.
    """

    # It has no __init__, which would take a fifth of the time that it takes to open a scope.

    parent: OpenScope
    special: tuple[str | None, Mapping[Any, Any] | None] | None = None
    in_own_task: bool = True
    _is_plain = False

    async def __aenter__(self) -> OpenScope:
        """Open, and make the innermost scope current."""
        # Most often it is the next narrower scope, in asyncio's usual state of things. This does
        # at once what `Engine.open` does for all cases; what is special is left to that.
        app = parent = self.parent
        scope_class = parent._next_plain
        if scope_class is not None and self.special is None:
            while app.parent is not None and not app._state:
                app = app.parent
            table = app.cancel_scopes
            if table is not None and not app._state and running_loop() is app.loop:
                task = app.here()
                if task is not None:
                    self._innermost = scope = scope_class(parent, task)
                    scope.opened_by = self.caller
                    if table and (state := table.get(ref(task))) is not None:
                        scope.is_below(state.cancel_scope)
                    self._is_plain = True
                    self._token = token = current.set(scope)
                    outside = token.old_value
                    if outside is not parent and outside is not Token.MISSING:
                        binding.note_outside(scope, outside)
                    return scope
        name, values = self.special or (None, None)
        return self._opened(
            parent._inside.open(
                parent, name, values or _NOTHING, self.caller, in_own_task=self.in_own_task
            )
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Close from the inside out; the block's own error goes on as itself."""
        scope = self._innermost
        if error is not None or not self._is_plain:
            await super().__aexit__(kind, error, traceback)
            return
        failures: list[BaseException] | None = None
        if not scope.end_plainly():
            if not scope.is_plain or scope._flights or scope._state:
                await super().__aexit__(kind, error, traceback)
                return
            scope._state = State.CLOSING
            try:
                failures = await release_all(scope._exits, None, None)
            finally:
                scope.forget()
        token, self._token = self._token, None
        assert token is not None
        try:  # noqa: SIM105  (what `unbind` does; each call counts here)
            current.reset(token)
        except ValueError:
            pass
        if failures and (failed := report(failures, None)) is not None:
            raise failed


async def _start(scope: OpenScope, providers: Sequence[Provider]) -> None:
    startup = Startup()
    end_progress = say_progress(startup)
    try:
        await start(scope, providers, startup)
    finally:
        end_progress()
