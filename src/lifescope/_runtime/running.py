"""Running: what runs inside an app scope besides its objects: requests, and background work.

The scope does not end under them (G9): they are waited for, then cancelled.
"""

import logging
from typing import Protocol

from anyio import Event, move_on_after

from lifescope._runtime.exits import GRACE
from lifescope._runtime.shield import finish

__all__ = ["DRAIN", "Running", "Work"]

DRAIN = 10.0
"""Seconds that requests and background work may go on for when the app scope ends."""

_logger = logging.getLogger("lifescope")


class Work(Protocol):
    """One request, or one piece of background work."""

    def cancel(self) -> None:
        """Cancel it; it still releases what it holds."""
        ...

    def __str__(self) -> str:
        """How it is called in the log."""
        ...


class Running:
    """The work inside one app scope.

    Attributes:
        work: What runs, under a key of its own, unless it was left behind. Whoever takes
            something out of it then calls `ended`, if somebody `is_awaited`.
        is_awaited: Whether somebody waits for the end of all.
        is_ending: Whether all has been cancelled, so that nothing is to be added any more.
    """

    def __init__(self) -> None:
        self.work: dict[object, Work] = {}
        self.is_awaited = False
        self.is_ending = False
        self._empty: Event | None = None  # made when somebody waits, in the event loop

    def ended(self) -> None:
        """Some work has ended."""
        if not self.work and self._empty is not None:
            self._empty.set()

    def cancel(self) -> None:
        """Cancel all of it."""
        for work in list(self.work.values()):
            work.cancel()

    async def end(self, seconds: float) -> None:
        """Wait for the end of all, for so many *seconds*; then cancel, and wait for that.

        What does not even end then is left behind and named in the log, so that the end of the
        scope is not for ever away. A cancellation of the task that waits shortens it, and is
        raised afterwards.
        """
        try:
            is_over = await self._wait(seconds)
        except BaseException:
            await finish(self._end_at_once())
            raise
        if not is_over:
            await self._end_at_once()

    async def _end_at_once(self) -> None:
        self.is_ending = True
        self.cancel()
        if not await self._wait(GRACE):
            names = ", ".join(str(work) for work in self.work.values())
            _logger.error("still running %g seconds after being cancelled: %s", GRACE, names)
            self.work.clear()  # nobody waits for it once more

    async def _wait(self, seconds: float) -> bool:
        self.is_awaited = True
        with move_on_after(seconds):
            while self.work:
                if self._empty is None or self._empty.is_set():
                    self._empty = Event()
                await self._empty.wait()
        return not self.work
