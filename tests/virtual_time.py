"""Event loops on which waiting takes no time: the clock jumps to whatever is due next."""

import asyncio
import selectors
from collections.abc import Iterator
from typing import Any

import pytest
from trio.testing import MockClock


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the clock on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop of asyncio on a clock of its own, which starts at 0 seconds."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def backends() -> Iterator[Any]:
    """What the `anyio_backend` fixture of a module returns, to run its tests on virtual time."""
    yield pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="asyncio")
    yield pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio")
