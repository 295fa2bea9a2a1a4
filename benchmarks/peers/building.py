"""W6: what building and checking a large container costs, and what it keeps in memory."""

import time
import tracemalloc

from benchmarks.peers.checks import require
from benchmarks.peers.contestants import load
from benchmarks.peers.contestants.contestant import Contestant
from benchmarks.peers.graphs import Graph, make_graph
from benchmarks.peers.memory import collected, resident
from benchmarks.peers.workloads import Workload

_LATER = 20


async def build(workload: Workload, name: str, *, is_traced: bool) -> dict[str, float]:
    """Build a container once, and ask it for the root of its graph.

    Times are of the processor: nothing here waits. With *is_traced* the figure is memory that
    Python has allocated, and nothing is timed.
    """
    other = load(name)  # so that no import is counted
    await other.build(make_graph("plain"))
    await other.open()
    await other.close()
    contestant, graph = load(name), make_graph(workload.graph)
    if is_traced:
        return {"traced_kb": await _traced(contestant, graph)}
    before = resident()
    began = time.process_time()
    await contestant.build(graph)
    await contestant.open()
    unit = contestant.unit()
    built = time.process_time()
    root = await unit()
    asked = time.process_time()
    require(type(root) is graph.root, f"not a {graph.root.__name__}")
    del root
    after = resident()
    later = time.process_time()
    for _ in range(_LATER):
        await unit()
    ended = time.process_time()
    await contestant.close()
    return {
        "build_ms": (built - began) * 1e3,
        "first_ms": (asked - built) * 1e3,
        "later_ms": (ended - later) / _LATER * 1e3,
        "resident_kb": after - before,
    }


async def _traced(contestant: Contestant, graph: Graph) -> float:
    collected()
    tracemalloc.start()
    await contestant.build(graph)
    await contestant.open()
    await contestant.unit()()
    collected()
    kept = tracemalloc.get_traced_memory()[0] / 1024
    await contestant.close()
    return kept
