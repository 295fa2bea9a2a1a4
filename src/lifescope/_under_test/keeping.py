"""Kept: what is entered for several tests, or for one, and left much later."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar, cast

from anyio import Event

from lifescope._runtime import binding, loops

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """An async context manager in a task of its own, from its start to its end.

    Fixtures are set up and torn down in different tasks, and what is entered in one task has to
    be left there (G5).
    """

    def __init__(self, manager: AbstractAsyncContextManager[T]) -> None:
        self._manager = manager
        self._settled = Event()
        self._leave = Event()
        self._ended = Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._task: object = None  # asyncio itself keeps only a weak reference to a task

    async def enter(self) -> T:
        """Enter it; raises what that raises."""
        self._task = loops.spawn(self._run, binding.snapshot())
        await self._settled.wait()
        if self._ended.is_set() and self._error is not None:
            raise self._error
        return cast("T", self._value)

    async def leave(self) -> None:
        """Leave it; raises what that raises, or what has ended it before."""
        self._leave.set()
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def _run(self) -> None:
        try:
            async with self._manager as self._value:
                self._settled.set()
                await self._leave.wait()
        except BaseException as error:  # whoever waits is told; nobody awaits this task
            self._error = error
        self._ended.set()
        self._settled.set()
