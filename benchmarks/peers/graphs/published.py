"""The graph of wireup's published benchmark: seven request-scoped classes with many edges."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from benchmarks.peers.graphs.graph import Graph, Node, parameters
from benchmarks.peers.graphs.witness import tick


class C:
    pass


class D:
    def __init__(self, c: C) -> None:
        self.c = c


class E:
    def __init__(self, c: C, d: D) -> None:
        self.c, self.d = c, d


class F:
    def __init__(self, c: C, d: D, e: E) -> None:
        self.c, self.d, self.e = c, d, e


class G:
    def __init__(self, c: C, d: D, e: E, f: F) -> None:
        self.c, self.d, self.e, self.f = c, d, e, f


class H:
    opened = closed = 0

    def __init__(self, c: C, d: D) -> None:
        self.c, self.d = c, d


class I:  # noqa: E742  what they call it
    opened = closed = 0

    def __init__(self, e: E, f: F) -> None:
        self.e, self.f = e, f


class Dense:
    """Stands for their route, which takes all seven."""

    def __init__(self, c: C, d: D, e: E, f: F, g: G, h: H, i: I) -> None:
        self.c, self.d, self.e, self.f, self.g, self.h, self.i = c, d, e, f, g, h, i


def open_h(c: C, d: D) -> Iterator[H]:
    obj = H(c, d)
    obj.opened = tick()
    try:
        yield obj
    finally:
        obj.closed = tick()


async def open_i(e: E, f: F) -> AsyncIterator[I]:
    obj = I(e, f)
    obj.opened = tick()
    try:
        yield obj
    finally:
        obj.closed = tick()


def published() -> Graph:
    makers: dict[type, Callable[..., Any]] = {H: open_h, I: open_i}
    nodes = [
        Node(cls, "request", make := makers.get(cls, cls), parameters(make))
        for cls in (C, D, E, F, G, H, I, Dense)
    ]
    return Graph("published", tuple(nodes), Dense)
