"""Opening: what `open()` returns. It opens scopes when it is entered, and closes them when left."""

import sys
import traceback
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from typing import TYPE_CHECKING, Any, NoReturn

from lifescope._model.names import Place
from lifescope._model.provider import Provider
from lifescope._model.scopes import CALL
from lifescope._runtime import binding
from lifescope._runtime.closing import check_closable
from lifescope._runtime.exits import report
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.scope import OpenScope
from lifescope._runtime.starting import say_progress, start
from lifescope._runtime.startup import Startup

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine, InForce

__all__ = ["Opening"]


class Opening:
    """Opens a scope, and those between; the innermost is current inside the block.

    Args:
        in_force: Whose scopes they are, when it is entered.
        parent: The scope around them; None for an app scope.
        name: The innermost one; None for the next narrower.
        values: What is handed in.
        frame: The caller's, to say where they were opened.
        eager: What is acquired at once.
        in_own_task: The task that enters is theirs.
    """

    _stack: Sequence[str] = ()

    def __init__(
        self,
        in_force: "Callable[[], InForce]",
        parent: OpenScope | None,
        name: str | None,
        values: Mapping[Any, Any],
        *,
        frame: types.FrameType | None = None,
        eager: "Callable[[Engine], Sequence[Provider]] | None" = None,
        in_own_task: bool = True,
    ) -> None:
        self._in_force = in_force
        self._parent = parent
        self._name = name
        self._values = values
        self._place = Place(frame.f_code.co_filename, frame.f_lineno) if frame else None
        self._eager = eager
        self._in_own_task = in_own_task
        self._scopes: list[OpenScope] = []
        self._token: Token[OpenScope] | None = None
        if sys.flags.dev_mode and frame is not None:
            self._stack = traceback.format_stack(frame)

    async def __aenter__(self) -> OpenScope:
        """Open, make the innermost scope current, and acquire what starts with it."""
        in_force = self._in_force()
        engine = in_force.engine
        eager = self._eager(engine) if self._eager is not None else ()
        self._scopes = engine.open(
            self._parent,
            self._name,
            self._values,
            self._place,
            in_own_task=self._in_own_task,
            ready=in_force.ready,
        )
        if in_force.opened is not None:
            in_force.opened(self._scopes[0])
        innermost = self._scopes[-1]
        self._token = binding.current.set(innermost)
        try:
            if eager:
                await _start(innermost, eager)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return innermost

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Close from the inside out; the block's own error goes on as itself."""
        for scope in self._scopes:
            check_closable(scope)
        applied = [token for scope in self._scopes for token in scope.effects()]
        failures: list[BaseException] = []
        outcome = self._outcome(error)
        for scope in reversed(self._scopes):
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
        innermost = self._scopes[-1]
        return error if error is None or innermost.name != CALL or innermost.counts(error) else None

    def __await__(self) -> NoReturn:
        """Say what was meant: awaiting does not open anything."""
        raise TypeError("open() is entered, not awaited: async with container.open() as scope: ...")

    def __del__(self) -> None:
        """Tell of scopes that nobody can close any more; with `python -X dev`, who opened them."""
        if self._token is None:
            return
        stack = "\n" + "".join(self._stack) if self._stack else ""
        place = self._place or Place("<unknown>", 0)
        warnings.warn_explicit(
            f"{self._scopes[-1]!r} was never closed, and what it holds was not released{stack}",
            ResourceWarning,
            place.file,
            place.line,
            source=self,
        )


async def _start(scope: OpenScope, providers: Sequence[Provider]) -> None:
    startup = Startup()
    end_progress = say_progress(startup)
    try:
        await start(scope, providers, startup)
    finally:
        end_progress()
