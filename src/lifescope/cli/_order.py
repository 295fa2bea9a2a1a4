"""In which order things are acquired and released."""

from collections.abc import Iterable

from lifescope._graph.graph import Graph
from lifescope._model.provider import Kind, Provider
from lifescope._model.scopes import TRANSIENT

__all__ = ["acquired", "released"]


def acquired(graph: Graph, roots: Iterable[Provider]) -> list[Provider]:
    """What is made for *roots*, in order; what is handed in is there already."""
    needed = graph.needed(roots, at_once=True)
    there = (Kind.SUPPLIED, Kind.VALUE)
    return [p for p in needed if p.kind not in there and not p.kind.is_derived]


def released(graph: Graph, made: Iterable[Provider]) -> list[Provider]:
    """Those of what was *made* that have a release, in its order: the narrowest scope first.

    A transient is released with what it was made for.
    """
    holders: list[tuple[int, Provider]] = []
    rank = len(graph.scopes.names)
    for provider in reversed(list(made)):
        if provider.scope != TRANSIENT:
            rank = graph.scopes.rank(provider.scope)
        holders.append((rank, provider))
    holders.sort(key=lambda each: -each[0])
    return [provider for _, provider in holders if provider.kind.has_release]
