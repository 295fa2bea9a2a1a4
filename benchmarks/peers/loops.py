"""How every process of the benchmark runs its event loop."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """`asyncio.run` on uvloop, where it is installed."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def pin(core: int | None) -> None:
    """Stay on this processor, where that can be said."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
