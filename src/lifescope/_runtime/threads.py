"""Blocking providers in worker threads (`thread=True`), driven from the event loop.

A thread cannot be interrupted. Whoever is cancelled while one is acquiring waits for its end,
has what it made released, and is cancelled then: nothing acquired is lost (G3).
"""

import inspect
from collections.abc import Callable
from contextvars import Context, Token
from functools import partial
from types import TracebackType
from typing import Any

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._runtime import binding, exits
from lifescope._runtime.shield import finish

__all__ = ["target_of"]

_AT_ONCE = 40

_limiter: RunVar[CapacityLimiter] = RunVar("lifescope_threads")
"""Apart from that of sync endpoints: all of these may be waiting for a provider."""


def target_of(provider: Provider) -> Callable[..., Any]:
    """What to call for *provider*: its target, or what runs that in worker threads."""
    if not provider.thread:
        return provider.target
    return partial(_call if provider.kind is Kind.AWAIT else _Manager, provider)


async def _in_thread(function: Callable[[], Any]) -> Any:
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = CapacityLimiter(_AT_ONCE)
        _limiter.set(limiter)
    return await to_thread.run_sync(function, limiter=limiter, abandon_on_cancel=True)


async def _call(provider: Provider, *args: Any, **kwargs: Any) -> Any:
    """Call a function or class; what it changes in context variables is taken over."""
    thread = _Thread()
    value, cancelled = await thread.finish(lambda: provider.target(*args, **kwargs))
    if cancelled is not None:
        raise cancelled
    binding.apply(thread.changes())
    return value


class _Thread:
    """One context, in which everything runs that belongs to one object (G5)."""

    def __init__(self) -> None:
        self._before = binding.snapshot()
        self._context: Context = self._before.copy()

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run it in a worker thread; a cancellation abandons it there."""
        return await _in_thread(partial(self._context.run, function))

    async def finish(self, function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """Run it to its end; its result, and the cancellation that came meanwhile, if any."""
        results: list[Any] = []

        async def step() -> None:
            results.append(await self.run(function))

        cancelled = await finish(step())
        return results[0], cancelled

    def changes(self) -> list[binding.Change]:
        """What has been set in context variables so far."""
        return binding.changes(self._before, self._context)


class _Manager:
    """A generator or context manager, entered and left in worker threads."""

    def __init__(self, provider: Provider, *args: Any, **kwargs: Any) -> None:
        self._provider = provider
        self._make = partial(provider.target, *args, **kwargs)
        self._thread = _Thread()
        self._made: Any = None
        self._tokens: list[Token[Any]] = []

    async def __aenter__(self) -> Any:
        value, cancelled = await self._thread.finish(self._enter)
        if cancelled is not None:
            await self._leave_after(cancelled)
            raise cancelled
        self._tokens = binding.apply(self._thread.changes())
        return value

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._leave(error)
        finally:
            binding.undo(self._tokens)

    async def _leave_after(self, cancelled: BaseException) -> None:
        try:
            await finish(self._leave(cancelled))
        except BaseException as error:
            exits.report([error], cancelled)  # notes it, and leaves the cancellation as it is

    def _enter(self) -> Any:
        self._made = self._make()
        if not inspect.isgenerator(self._made):
            return self._made.__enter__()
        try:
            return next(self._made)
        except StopIteration:
            raise errors.NoYieldError.about(self._provider) from None

    async def _leave(self, error: BaseException | None) -> None:
        leave = partial(exits.leave_sync, self._provider, self._made, error)
        await self._thread.run(leave)
