"""What an override leaves alone: as it is in the app scope below, and not made again."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

from lifescope._graph import generics
from lifescope._graph.graph import Graph
from lifescope._model.provider import Kind, Provider

__all__ = ["affected", "beneath", "shared"]


def shared(
    declared: Sequence[Provider], again: Collection[Provider], widest: str
) -> Iterator[Provider]:
    """*declared*, with all that lives in the app scope and is not made again, as providers of
    `Kind.SHARED`.

    Args:
        declared: In their order.
        again: Those among them that are.
        widest: The name of the app scope.
    """
    for provider in declared:
        is_alone = provider.scope == widest and provider not in again
        if is_alone and not _depends_on_arguments(provider):
            yield dataclasses.replace(
                provider,
                kind=Kind.SHARED,
                parameters=(),
                eager=None,
                thread=False,
                result=None,
                leads_to=provider,
            )
        else:
            yield provider


def beneath(provider: Provider, graph: Graph) -> Provider:
    """The provider in *graph*, that of the app scope below, for which one of them stands."""
    original = provider.leads_to
    assert original is not None
    if generics.pattern_of(original) is None:
        return original
    found = graph.find(provider.key)  # of an open generic, it is an instance
    assert found is not None
    return found


def affected(
    graph: Graph, replaced: Collection[Provider], *, besides: Collection[Provider] = ()
) -> set[Provider]:
    """*replaced*, and all that needs it, in however many steps; but for *besides*, and what
    needs only that.
    """
    askers: dict[Provider, list[Provider]] = {}
    for asker, edges in graph.index.edges.items():
        for edge in edges:
            if edge.provider is not None:
                askers.setdefault(edge.provider, []).append(asker)
    found = set(replaced)
    left = list(found)
    while left:
        new = [
            asker
            for asker in askers.get(left.pop(), ())
            if asker not in found and asker not in besides
        ]
        found.update(new)
        left += new
    # An open generic has its needs in a sample, and is itself in no edge.
    targets = {id(sample.target) for sample in graph.index.samples if sample in found}
    return found.union(p for p in graph.declared if id(p.target) in targets)


def _depends_on_arguments(provider: Provider) -> bool:
    """Whether what an open generic needs depends on its type arguments: that is known later."""
    return any(generics.is_open(parameter.key.form) for parameter in provider.parameters)
