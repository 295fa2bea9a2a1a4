"""The check: one pass over the providers of a container finds every mistake."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from lifescope import errors
from lifescope._graph.graph import Edge, Graph, Index
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key
from lifescope._model.provider import Entry, Link, Parameter, Provider
from lifescope._model.scopes import TRANSIENT, ScopeOrder

__all__ = ["build", "check_entry"]

_Edges = dict[Provider, tuple[Edge, ...]]


def build(
    declared: Sequence[Provider], scopes: ScopeOrder, *, is_complete: bool = True
) -> tuple[Graph, list[errors.GraphError]]:
    """The graph of *declared*, and everything that is wrong with it.

    Args:
        declared: In the order in which they were given.
        scopes: The container's scopes.
        is_complete: False if there are providers whose key is not known; what seems to be
            missing may be what they provide, and is not reported.
    """
    known, problems = _with_known_scope(declared, scopes)
    providers, duplicates = _one_per_key(known)
    index = Index(providers, scopes)
    edges, missing = _edges(providers, index)
    cycles, in_cycles = _cycles(providers, edges)
    graph = Graph(scopes, tuple(providers), index, edges)
    problems += [*duplicates, *(missing if is_complete else []), *cycles]
    problems += _captives(graph, in_cycles)
    return graph, problems


def check_entry(graph: Graph, entry: Entry) -> list[Edge]:
    """What is passed for the parameters of *entry*.

    Raises:
        GraphError: Nothing provides one of them.
    """
    found = graph.entry_edges(entry)
    problems = [
        errors.MissingProviderError(
            key=parameter.key,
            chain=(Link.of(entry, parameter.name),),
            suggestions=suggest(parameter.key, graph.providers),
        )
        for parameter, edge in found
        if edge is None
    ]
    if problems:
        raise errors.GraphError.of(problems)
    return [edge for _, edge in found if edge is not None]


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
        for key in provider.keys:
            offers.setdefault(key, []).append(provider)
    problems: list[errors.GraphError] = []
    replaced: set[tuple[Provider, Key]] = set()
    for key, providers in offers.items():
        if len(providers) == 1:
            continue
        replacing = [provider for provider in providers if provider.replace]
        if len(replacing) == 1:
            replaced.update((provider, key) for provider in providers if not provider.replace)
        else:
            problems.append(
                errors.DuplicateProviderError(key=key, providers=replacing or providers)
            )
    kept: list[Provider] = []
    for provider in declared:
        keys = tuple(key for key in provider.keys if (provider, key) not in replaced)
        if keys:
            kept.append(
                provider if keys == provider.keys else dataclasses.replace(provider, keys=keys)
            )
    return kept, problems


def _edges(providers: Sequence[Provider], index: Index) -> tuple[_Edges, list[errors.GraphError]]:
    edges: _Edges = {}
    gaps: list[tuple[Provider, Parameter]] = []
    for provider in providers:
        found: list[Edge] = []
        for parameter in provider.parameters:
            edge = index.edge(parameter)
            if edge is None:
                gaps.append((provider, parameter))
            else:
                found.append(edge)
        edges[provider] = tuple(found)
    dependents = _dependents(edges) if gaps else {}
    missing: list[errors.GraphError] = [
        errors.MissingProviderError(
            key=parameter.key,
            chain=(*_way_to(provider, dependents), Link.of(provider, parameter.name)),
            suggestions=suggest(parameter.key, providers),
        )
        for provider, parameter in gaps
    ]
    return edges, missing


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
    successors = [
        [numbers[edge.provider] for edge in edges[provider] if edge.provider in numbers]
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


def _captives(graph: Graph, in_cycles: set[Provider]) -> list[errors.GraphError]:
    """Longer-lived providers that need shorter-lived ones, also through transients."""
    problems: list[errors.GraphError] = []
    narrowest: dict[Provider, tuple[int, Edge | None]] = {}
    for provider in graph.needed(graph.providers):
        ranks = [(_rank(graph, edge, narrowest), edge) for edge in graph.needs(provider)]
        narrowest[provider] = max(ranks, key=lambda pair: pair[0], default=(0, None))
        if provider.scope == TRANSIENT or provider in in_cycles:
            continue
        own = graph.scopes.rank(provider.scope)
        problems += [_captive(provider, edge, narrowest) for rank, edge in ranks if rank > own]
    return problems


def _rank(graph: Graph, edge: Edge, narrowest: dict[Provider, tuple[int, Edge | None]]) -> int:
    """The rank of the scope that *edge* leads to; through a transient, of what that needs."""
    if edge.provider is None:
        return 0
    if edge.provider.scope == TRANSIENT:
        return narrowest.get(edge.provider, (0, None))[0]
    return graph.scopes.rank(edge.provider.scope)


def _captive(
    outer: Provider, first: Edge, narrowest: dict[Provider, tuple[int, Edge | None]]
) -> errors.CaptiveDependencyError:
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
