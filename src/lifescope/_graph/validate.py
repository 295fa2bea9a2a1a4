"""The check: one pass over the providers of a container finds every mistake."""

import dataclasses
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import get_args, get_origin

from lifescope import errors
from lifescope._graph.generics import canonical
from lifescope._graph.graph import Graph
from lifescope._graph.index import Index
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key, as_key, list_of
from lifescope._model.provider import Edge, Entry, Kind, Link, Parameter, Provider
from lifescope._model.relations import RELATIONS
from lifescope._model.scopes import TRANSIENT, ScopeOrder

__all__ = ["build", "check_entry", "edge_for"]

_Edges = Mapping[Provider, tuple[Edge, ...]]


def build(
    declared: Sequence[Provider],
    scopes: ScopeOrder,
    *,
    is_complete: bool = True,
    undecorated: Collection[Key] = (),
) -> tuple[Graph, list[errors.GraphError]]:
    """The graph of *declared*, and everything that is wrong with it.

    Args:
        declared: In the order in which they were given.
        scopes: The container's scopes.
        is_complete: False if there are providers whose key is not known; what seems to be
            missing may be what they provide, and is not reported.
        undecorated: Keys that decorators leave alone.
    """
    known, problems = _with_known_scope(declared, scopes)
    kept, duplicates = _one_per_key(known)
    index = Index(kept, scopes, undecorated)
    connected = index.connect()
    making = [provider for provider in connected if provider not in index.samples]
    graph = Graph(scopes, tuple(kept), tuple(making), index)
    return graph, [*problems, *duplicates, *_problems(graph, connected, is_complete)]


def edge_for(graph: Graph, parameter: Parameter) -> Edge | None:
    """What is passed for a parameter that turns up after the check; None where nothing can be.

    Raises:
        GraphError: It is an instance of an open generic, say, that does not fit.
    """
    index = graph.index
    with index.lock:
        edge = index.edge(parameter)
        if added := index.connect():
            problems = _problems(graph, added, is_complete=True)
            if problems:
                index.forget(added)
                raise errors.GraphError.of(problems)
    return edge


def check_entry(graph: Graph, entry: Entry) -> list[Edge]:
    """What is passed for the parameters of *entry*.

    Raises:
        GraphError: Nothing provides one of them.
    """
    edges: list[Edge] = []
    problems: list[errors.GraphError] = []
    for parameter in entry.parameters:
        edge = edge_for(graph, parameter)
        if edge is not None:
            edges.append(edge)
        else:
            chain = [*entry.asked_by, Link.of(entry, parameter.name)]
            problems.append(_missing(graph, parameter, chain))
    if problems:
        raise errors.GraphError.of(problems)
    return edges


def _problems(
    graph: Graph, providers: Sequence[Provider], is_complete: bool
) -> list[errors.GraphError]:
    """What is wrong with *providers*, and with what has turned up while they were connected."""
    index = graph.index
    gaps, others = index.gaps[:], index.problems[:]
    index.gaps.clear()
    index.problems.clear()
    dependents = _dependents(index.edges) if gaps else {}
    missing = [
        _missing(graph, parameter, [*_way_to(asker, dependents), Link.of(asker, parameter.name)])
        for asker, parameter in gaps
    ]
    cycles, in_cycles = _cycles(providers, index.edges)
    return [
        *others,
        *(missing if is_complete else []),
        *cycles,
        *_captives(graph, providers, in_cycles),
    ]


def _missing(
    graph: Graph, parameter: Parameter, chain: Sequence[Link]
) -> errors.MissingProviderError:
    key = parameter.key
    while get_origin(key.form) in RELATIONS:
        inner = as_key(get_args(key.form)[0])  # it is not the handle that is missing
        key = Key(inner.form, inner.name or key.name)
    return errors.MissingProviderError(
        key=key, chain=chain, suggestions=suggest(key, graph.declared)
    )


def _with_known_scope(
    declared: Iterable[Provider], scopes: ScopeOrder
) -> tuple[list[Provider], list[errors.GraphError]]:
    known: list[Provider] = []
    problems: list[errors.GraphError] = []
    for provider in declared:
        if provider.scope == TRANSIENT or provider.scope in scopes:
            known.append(provider)
        else:
            # In some scope it stays, so that those who need it are not reported as well.
            known.append(dataclasses.replace(provider, scope=scopes.widest))
            names = (*scopes.names, TRANSIENT)
            problems.append(
                errors.UnknownScopeError(
                    scope=provider.scope, known=names, name=provider.name, place=provider.place
                )
            )
    return known, problems


def _one_per_key(
    declared: Sequence[Provider],
) -> tuple[list[Provider], list[errors.GraphError]]:
    """The providers that stay: `replace=True` takes the place of what others offer."""
    offers: dict[Key, list[Provider]] = {}
    for provider in declared:
        for key in _claimed(provider):
            offers.setdefault(canonical(key), []).append(provider)
    problems: list[errors.GraphError] = []
    replaced: set[tuple[Provider, Key]] = set()
    for key, providers in offers.items():
        replacing = [provider for provider in providers if provider.replace]
        if len(replacing) == 1:
            replaced.update((p, key) for p in providers if not p.replace)
        elif len(providers) > 1 and not all(provider.many for provider in providers):
            [spelled, *_] = [k for k in _claimed(providers[0]) if canonical(k) == key]
            problems.append(
                errors.DuplicateProviderError(key=spelled, providers=replacing or providers)
            )
    kept: list[Provider] = []
    for provider in declared:
        keys = tuple(
            key
            for key, claimed in zip(provider.keys, _claimed(provider) or provider.keys, strict=True)
            if (provider, canonical(claimed)) not in replaced
        )
        if keys:
            kept.append(
                provider if keys == provider.keys else dataclasses.replace(provider, keys=keys)
            )
    return kept, problems


def _claimed(provider: Provider) -> list[Key]:
    """The keys that no other provider may have; contributions claim their list together."""
    if provider.decorate:
        return []
    if provider.many:
        return [list_of(key) for key in provider.keys]
    return list(provider.keys)


def _dependents(edges: _Edges) -> dict[Provider, list[tuple[Provider, str]]]:
    dependents: dict[Provider, list[tuple[Provider, str]]] = {}
    for provider, own in edges.items():
        for edge in own:
            if edge.provider is not None:
                asker = (provider, edge.parameter.name)
                dependents.setdefault(edge.provider, []).append(asker)
    return dependents


def _way_to(
    provider: Provider, dependents: dict[Provider, list[tuple[Provider, str]]]
) -> list[Link]:
    """The shortest chain to *provider* from one that nobody needs; without itself."""
    came_from: dict[Provider, tuple[Provider, str] | None] = {provider: None}
    queue = deque([provider])
    while queue:
        current = queue.popleft()
        askers = dependents.get(current, [])
        if not askers:
            break
        for asker, parameter in askers:
            if asker not in came_from:
                came_from[asker] = (current, parameter)
                queue.append(asker)
    else:
        return []
    links: list[Link] = []
    step = came_from[current]
    while step is not None:
        below, parameter = step
        links.append(Link.of(current, parameter))
        current, step = below, came_from[below]
    return links


def _cycles(
    providers: Sequence[Provider], edges: _Edges
) -> tuple[list[errors.GraphError], set[Provider]]:
    """One error for every group of providers that reach each other."""
    numbers = {provider: number for number, provider in enumerate(providers)}
    # What a factory makes may well need whoever asks the factory for it, later.
    successors = [
        [numbers[edge.provider] for edge in edges[provider] if edge.provider in numbers]
        if provider.kind is not Kind.FACTORY
        else []
        for provider in providers
    ]
    problems: list[errors.GraphError] = []
    involved: set[Provider] = set()
    for group in _groups(successors):
        involved.update(providers[number] for number in group)
        circle = _circle(successors, group)
        links: list[Link] = []
        for number, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            parameter = next(
                edge.parameter.name
                for edge in edges[providers[number]]
                if edge.provider is providers[following]
            )
            links.append(Link.of(providers[number], parameter))
        problems.append(errors.CycleError(chain=links))
    return problems, involved


def _groups(successors: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Strongly connected components with a cycle in them (Tarjan's algorithm, iterative)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    for start in range(len(successors)):
        work = [] if start in order else [(start, iter(successors[start]))]
        while work:
            node, rest = work[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                path.append(node)
                on_path.add(node)
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    group = [path.pop()]
                    while group[-1] != node:
                        group.append(path.pop())
                    on_path.difference_update(group)
                    if len(group) > 1 or node in successors[node]:
                        yield group
            elif following not in order:
                work.append((following, iter(successors[following])))
            elif following in on_path:
                low[node] = min(low[node], order[following])


def _circle(successors: Sequence[Sequence[int]], group: list[int]) -> list[int]:
    """The shortest circle through the first declared member of *group*."""
    members, start = set(group), min(group)
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for following in successors[node]:
            if following == start:
                circle = [node]
                while circle[-1] != start:
                    circle.append(came_from[circle[-1]])
                return circle[::-1]
            if following in members and following not in came_from:
                came_from[following] = node
                queue.append(following)
    raise AssertionError("a strongly connected group has a circle through each member")


def _captives(
    graph: Graph, providers: Iterable[Provider], in_cycles: set[Provider]
) -> list[errors.GraphError]:
    """Longer-lived providers that need shorter-lived ones, also through transients."""
    ordered = graph.needed(providers)
    narrowest = _narrowest(graph, ordered)
    problems: list[errors.GraphError] = []
    for provider in ordered:
        if provider.scope == TRANSIENT or provider in in_cycles:
            continue
        own = graph.scopes.rank(provider.scope)
        problems += [
            _captive(provider, edge, narrowest)
            for edge in graph.needs(provider)
            if _rank(graph, edge, narrowest) > own
        ]
    return problems


_Narrowest = dict[Provider, tuple[int, Edge | None]]


def _narrowest(graph: Graph, ordered: Sequence[Provider]) -> _Narrowest:
    """For each transient the narrowest scope that it needs, and the edge that leads there.

    One pass is enough, as what is needed comes first; unless a circle through a factory, which
    is allowed, leads back to a transient.
    """
    narrowest: _Narrowest = {}
    changed = True
    while changed:
        changed = False
        for provider in ordered:
            if provider.scope != TRANSIENT:
                continue
            for edge in graph.needs(provider):
                rank = _rank(graph, edge, narrowest)
                if rank > narrowest.get(provider, (0, None))[0]:
                    narrowest[provider] = (rank, edge)
                    changed = True
    return narrowest


def _rank(graph: Graph, edge: Edge, narrowest: _Narrowest) -> int:
    """The rank of the scope that *edge* leads to; through a transient, of what that needs."""
    if edge.provider is None:
        return 0
    if edge.provider.scope == TRANSIENT:
        return narrowest.get(edge.provider, (0, None))[0]
    return graph.scopes.rank(edge.provider.scope)


def _captive(outer: Provider, first: Edge, narrowest: _Narrowest) -> errors.CaptiveDependencyError:
    links: list[Link] = []
    current, edge = outer, first
    while True:
        links.append(Link.of(current, edge.parameter.name))
        assert edge.provider is not None
        current = edge.provider
        following = narrowest[current][1] if current.scope == TRANSIENT else None
        if following is None:
            break
        edge = following
    links.append(Link.of(current))
    return errors.CaptiveDependencyError(outer=outer, inner=current, chain=links)
