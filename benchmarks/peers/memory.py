"""W10: what is left after many scopes or requests, and what only the collector can free."""

import gc
import os
import resource
import time
import tracemalloc
from collections.abc import Awaitable, Callable

_SAMPLE = 200
"""Operations after which cyclic garbage is counted."""


def collected() -> int:
    """Collect garbage; the number of objects found."""
    return gc.collect()


def resident() -> float:
    """KiB of this process that are in memory; the most so far, where the system does not say."""
    collected()
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def measure(run: Callable[[int], Awaitable[None]], operations: int) -> dict[str, float]:
    """Do so many operations, and see what they leave behind."""
    await run(min(2000, operations))
    garbage = await _garbage(run)
    objects, before, began = len(gc.get_objects()), resident(), time.perf_counter()
    await run(operations)
    seconds = time.perf_counter() - began
    return {
        "growth_kb": resident() - before,
        "objects_kept": len(gc.get_objects()) - objects,
        "traced_bytes": await _traced(run, min(1000, operations)),
        "garbage": garbage,
        "us": seconds / operations * 1e6,
    }


async def _garbage(run: Callable[[int], Awaitable[None]]) -> float:
    """Objects in reference cycles, per operation."""
    collected()
    gc.disable()
    try:
        await run(_SAMPLE)
        return collected() / _SAMPLE
    finally:
        gc.enable()


async def _traced(run: Callable[[int], Awaitable[None]], operations: int) -> float:
    """Bytes that Python has allocated and keeps, per operation."""
    tracemalloc.start()
    try:
        await run(_SAMPLE)
        collected()
        before = tracemalloc.get_traced_memory()[0]
        await run(operations)
        collected()
        return (tracemalloc.get_traced_memory()[0] - before) / operations
    finally:
        tracemalloc.stop()
