"""The object graphs that every contestant builds. Nothing here knows of any container."""

from collections.abc import Callable

from benchmarks.peers.graphs import diamond, generated, published
from benchmarks.peers.graphs.graph import Graph, Node

__all__ = ["Graph", "Node", "make_graph"]

_MAKERS: dict[str, Callable[[], Graph]] = {
    "plain": diamond.plain,
    "resources": diamond.resources,
    "suspending": diamond.suspending,
    "published": published.published,
    "chain": generated.chain,
    "wide": generated.wide,
    "flat": generated.flat,
    "deep": generated.deep,
    "line": generated.line,
}


def make_graph(name: str) -> Graph:
    """The graph called *name*; the generated ones have new classes each time."""
    return _MAKERS[name]()
