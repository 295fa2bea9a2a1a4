"""Which providers nothing asks for, where it is known who asks."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from lifescope import errors
from lifescope._graph import generics
from lifescope._graph.graph import Graph
from lifescope._graph.validate import edge_for
from lifescope._model.provider import Entry, Kind, Parameter, Provider

__all__ = ["asking_for_anything", "unused"]

_OPEN_ENDED = (Kind.SCOPE, Kind.BACKGROUND)
"""Whoever holds one of these can ask for anything, later."""


def unused(graph: Graph, entries: Iterable[Entry]) -> list[errors.UnusedProviderError]:
    """The providers that neither *entries* nor anything eager asks for, in however many steps.

    One that is only needed by others of them is named with these. What is handed in, or stands
    for something in a test, is not looked at.
    """
    used = _reached(graph, [*_asked_by(graph, entries), *_there_anyway(graph)])
    targets = {id(_maker(provider)) for provider in used}
    idle = [
        provider
        for provider in graph.declared
        if provider not in used
        and provider.kind not in (Kind.VALUE, Kind.SUPPLIED)
        and not _is_instantiated(provider, targets)
    ]
    below = {provider: _reached(graph, [provider]) - {provider} for provider in idle}
    left, found = dict.fromkeys(idle), list[errors.UnusedProviderError]()
    needed = set[Provider]().union(*below.values())
    # In a circle, which a factory may close, each is needed: then the first one is named.
    for provider in [*(p for p in idle if p not in needed), *idle]:
        if provider not in left:
            continue
        going = [provider, *(other for other in left if other in below[provider])]
        # A decorator goes with what it wraps. If that is replaced in a test, it is just not used.
        named = graph.index.base(provider.key) if provider.decorate else provider
        if named in going:
            only = [other for other in going if other is not named and not other.decorate]
            found.append(errors.UnusedProviderError(provider=named, others=only))
        for each in going:
            del left[each]
    return found


def asking_for_anything(graph: Graph, entries: Iterable[Entry]) -> list[Provider | Entry]:
    """Who holds something through which anything may be asked for, as a job may."""
    asking = [entry for entry in entries if _is_open_ended(_found(graph, entry.parameters))]
    askers: list[Provider | Entry] = [*asking]
    for provider in graph.declared:
        edges = graph.needs(provider)
        if _is_open_ended([edge.provider for edge in edges if edge.provider is not None]):
            askers.append(provider)
    return askers


def _is_open_ended(providers: Iterable[Provider]) -> bool:
    return any(provider.kind in _OPEN_ENDED for provider in providers)


def _asked_by(graph: Graph, entries: Iterable[Entry]) -> list[Provider]:
    return [provider for entry in entries for provider in _found(graph, entry.parameters)]


def _found(graph: Graph, parameters: Iterable[Parameter]) -> list[Provider]:
    """What is passed for *parameters*, as far as there is something."""
    found: list[Provider] = []
    for parameter in parameters:
        try:
            edge = edge_for(graph, parameter)
        except errors.GraphError:  # the check says so
            continue
        if edge is not None and edge.provider is not None:
            found.append(edge.provider)
    return found


def _there_anyway(graph: Graph) -> Iterable[Provider]:
    for provider in graph.providers:
        if provider.eager or any(key in graph.overridden for key in provider.keys):
            yield provider


def _reached(graph: Graph, roots: Iterable[Provider]) -> set[Provider]:
    """*roots*, and everything below them, also what is only asked for later."""
    reached: set[Provider] = set()
    waiting = list(roots)
    while waiting:
        new = [each for each in graph.needed(waiting) if each not in reached]
        reached.update(new)
        waiting = [p.leads_to for p in new if p.leads_to is not None and p.leads_to not in reached]
    return reached


def _is_instantiated(provider: Provider, targets: Collection[int]) -> bool:
    """Whether it is one of an open generic, and something that it has made is used."""
    return generics.pattern_of(provider) is not None and id(_maker(provider)) in targets


def _maker(provider: Provider) -> Any:
    """What an open provider and all that follows from it have in common."""
    target: Any = provider.target
    while isinstance(target, partial):
        target = target.func
    return target
