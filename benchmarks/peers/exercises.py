"""Prepares a workload for a contestant: a function that does the work so many times, and checks.

Building (W6), memory (W10) and the server (W8) have modules of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.peers import asgi
from benchmarks.peers.checks import check_roots, require
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.graphs import Graph, make_graph
from benchmarks.peers.workloads import Workload

AT_ONCE = 1000
"""Scopes that W9 has open at the same time."""


@dataclass
class Exercise:
    """A prepared workload.

    Attributes:
        run: Does the work so many times.
        check: Does it a few times, and looks at what comes out; untimed.
        stop: Ends what preparing has started.
        per_run: Operations in one run of `run(1)`.
        remarks: What the checks found to be less than what others do.
    """

    run: Callable[[int], Awaitable[None]]
    check: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    per_run: int = 1
    remarks: list[str] = field(default_factory=list)


async def prepare(workload: Workload, contestant: Contestant) -> Exercise:
    """Build the graph with *contestant*, and make ready what the workload repeats."""
    graph = make_graph(workload.graph)
    await contestant.build(graph)
    if workload.framework:
        return await _asgi(workload, contestant)
    await contestant.open()
    if workload.form == "get":
        return await _get(contestant, graph)
    if workload.form.startswith("inject"):
        await contestant.open_for_functions()
    if workload.form == "inject app":
        return await _inject_app(contestant, graph)
    if workload.form == "at once":
        return _at_once(contestant, graph)
    injects = workload.form == "inject"
    unit = contestant.injected(graph.root) if injects else contestant.unit()
    return _scope(contestant, graph, unit)


async def _get(contestant: Contestant, graph: Graph) -> Exercise:
    assert graph.app_key is not None
    get, argument, is_awaited = contestant.getter(graph.app_key)
    first = await get(argument) if is_awaited else get(argument)

    async def check() -> None:
        again = await get(argument) if is_awaited else get(argument)
        require(type(first) is graph.app_key and again is first, "not the one app-scoped object")

    async def awaited(count: int) -> None:
        for _ in range(count):
            await get(argument)

    async def called(count: int) -> None:
        for _ in range(count):
            get(argument)

    return Exercise(awaited if is_awaited else called, check, contestant.close)


async def _inject_app(contestant: Contestant, graph: Graph) -> Exercise:
    assert graph.app_key is not None
    handler = contestant.injected(graph.app_key)
    first = await handler()

    async def check() -> None:
        again = await handler()
        require(type(first) is graph.app_key and again is first, "not the one app-scoped object")

    return Exercise(_repeated(handler), check, contestant.close)


def _scope(contestant: Contestant, graph: Graph, unit: Unit) -> Exercise:
    remarks: list[str] = []

    async def check() -> None:
        check_roots(graph, [await unit() for _ in range(5)], remarks)

    return Exercise(_repeated(unit), check, contestant.close, remarks=remarks)


def _repeated(unit: Unit) -> Callable[[int], Awaitable[None]]:
    async def run(count: int) -> None:
        for _ in range(count):
            await unit()

    return run


def _at_once(contestant: Contestant, graph: Graph) -> Exercise:
    unit = contestant.unit()
    remarks: list[str] = []

    async def check() -> None:
        roots = await asyncio.gather(*[unit() for _ in range(AT_ONCE)])
        check_roots(graph, roots, remarks)

    async def run(count: int) -> None:
        for _ in range(count):
            await asyncio.gather(*[unit() for _ in range(AT_ONCE)])

    return Exercise(run, check, contestant.close, per_run=AT_ONCE, remarks=remarks)


async def _asgi(workload: Workload, contestant: Contestant) -> Exercise:
    app = asgi.make_app(workload, contestant)
    remarks: list[str] = []
    running = await asgi.start(app, with_query=workload.route == "graph")

    async def check() -> None:
        await asgi.check(running, workload, contestant, remarks)

    return Exercise(running.run, check, running.stop, remarks=remarks)
