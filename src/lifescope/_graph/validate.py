"""The check: one pass over the providers of a container finds every mistake."""

import dataclasses
import functools
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args, get_origin

from lifescope import errors
from lifescope._graph.generics import canonical
from lifescope._graph.graph import Graph
from lifescope._graph.index import Index
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key, as_key, list_of
from lifescope._model.provider import Edge, Entry, Kind, Link, Parameter, Provider
from lifescope._model.relations import RELATIONS
from lifescope._model.scopes import TRANSIENT, ScopeOrder

__all__ = ["build", "check_entry", "edge_for", "merge"]

_Edges = Mapping[Provider, tuple[Edge, ...]]

_WITH_SUGGESTIONS = 20
"""Where more is missing than this, a module was forgotten; names that are alike help nobody."""


def build(
    declared: Sequence[Provider],
    scopes: ScopeOrder,
    *,
    is_complete: bool = True,
    undecorated: Collection[Key] = (),
    is_checked: bool = False,
) -> tuple[Graph, list[errors.GraphError]]:
    """The graph of *declared*, and everything that is wrong with it.

    Args:
        declared: In the order in which they were given.
        scopes: The container's scopes.
        is_complete: False if there are providers whose key is not known; what seems to be
            missing may be what they provide, and is not reported.
        undecorated: Keys that decorators leave alone.
        is_checked: It is known that nothing is wrong.
    """
    problems: list[errors.GraphError] = []
    duplicates: list[errors.GraphError] = []
    kept = declared
    if not is_checked:
        known, problems = _with_known_scope(declared, scopes)
        kept, duplicates = _one_per_key(known)
    index = Index(kept, scopes, undecorated)
    connected = index.connect()
    making = [provider for provider in connected if provider not in index.samples]
    graph = Graph(scopes, tuple(kept), tuple(making), index)
    if not is_checked:
        problems += [*duplicates, *_problems(graph, connected, is_complete)]
    return graph, problems


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
    gaps: list[_Gap] = []
    for parameter in entry.parameters:
        try:
            edge = edge_for(graph, parameter)
        except errors.GraphError as error:
            problems += error.problems
            continue
        if edge is not None:
            edges.append(edge)
        else:
            gaps.append(_Gap(parameter, (*entry.asked_by, Link.of(entry, parameter.name))))
    problems += _missing(graph, gaps)
    if problems:
        raise errors.GraphError.of(problems)
    return edges


def merge(problems: Iterable[errors.GraphError]) -> list[errors.GraphError]:
    """*problems*, each cause once; one that misses a key knows of the others that do."""
    merged: dict[object, errors.GraphError] = {}
    for problem in problems:
        first = merged.setdefault(_cause(problem), problem)
        if first is problem or not isinstance(problem, errors.MissingProviderError):
            continue
        assert isinstance(first, errors.MissingProviderError)
        chains = (problem.chain, *problem.others)
        first = dataclasses.replace(first, others=(*first.others, *chains))
        merged[problem.key] = first
    return list(merged.values())


def _cause(problem: errors.GraphError) -> object:
    """What is equal where two problems are one: a function that several routes depend on."""
    match problem:
        case errors.MissingProviderError():
            return problem.key
        case errors.NeverFilledError():
            return (type(problem), problem.name, problem.place)
        case errors.UnannotatedError() | errors.UnresolvableAnnotationError():
            return (type(problem), problem.name, problem.place, problem.parameter)
        case errors.ScopeOrderError():
            return (type(problem), problem.key, *problem.chain[-1:])
        case _:
            return problem


def _problems(
    graph: Graph, providers: Sequence[Provider], is_complete: bool
) -> list[errors.GraphError]:
    """What is wrong with *providers*, and with what has turned up while they were connected."""
    index = graph.index
    gaps, others = index.gaps[:], index.problems[:]
    index.gaps.clear()
    index.problems.clear()
    dependents = _Dependents(index.edges)
    missing = [
        _Gap(parameter, (*dependents.way_to(asker), Link.of(asker, parameter.name)), asker)
        for asker, parameter in (gaps if is_complete else ())
    ]
    cycles, in_cycles = _cycles(providers, index.edges, dependents)
    return [
        *others,
        *_missing(graph, missing),
        *cycles,
        *_captives(graph, providers, in_cycles),
    ]


class _Gap(NamedTuple):
    """A parameter for which there is nothing, and the way to it."""

    parameter: Parameter
    chain: tuple[Link, ...]
    asker: Provider | None = None

    @property
    def key(self) -> Key:
        """What is missing. It is not the handle, of `Lazy[T]` and the like."""
        return _behind(self.parameter.key)


def _behind(key: Key) -> Key:
    """What a handle leads to; *key* itself, if it is none."""
    while get_origin(key.form) in RELATIONS:
        inner = as_key(get_args(key.form)[0])
        key = Key(inner.form, inner.name or key.name)
    return key


def _missing(graph: Graph, gaps: Iterable[_Gap]) -> list[errors.GraphError]:
    """One error for each key, with all who ask for it; whoever is nearest to an entry first."""
    by_key: dict[Key, list[_Gap]] = {}
    for gap in gaps:
        by_key.setdefault(gap.key, []).append(gap)
    return [
        _missing_key(graph, key, same, is_first=number < _WITH_SUGGESTIONS)
        for number, (key, same) in enumerate(by_key.items())
    ]


def _missing_key(
    graph: Graph, key: Key, gaps: list[_Gap], *, is_first: bool
) -> errors.MissingProviderError:
    first, *rest = sorted(gaps, key=lambda gap: len(gap.chain))
    # What it is to live in, if it is to fit all who ask: nothing narrower than the widest.
    scopes = {gap.asker.scope for gap in gaps if gap.asker is not None} - {TRANSIENT}
    widest = min(scopes, key=graph.scopes.rank) if scopes else None
    return errors.MissingProviderError(
        key=key,
        chain=first.chain,
        others=[gap.chain for gap in rest],
        suggestions=suggest(key, [p for p in graph.declared if p is not first.asker])
        if is_first
        else (),
        scope=widest,
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


class _Dependents:
    """Who needs a provider, and through which parameter; computed when something is wrong."""

    def __init__(self, edges: _Edges) -> None:
        self._edges = edges

    @functools.cached_property
    def _askers(self) -> dict[Provider, list[tuple[Provider, str]]]:
        askers: dict[Provider, list[tuple[Provider, str]]] = {}
        for provider, own in self._edges.items():
            for edge in own:
                if edge.provider is not None:
                    asker = (provider, edge.parameter.name)
                    askers.setdefault(edge.provider, []).append(asker)
        return askers

    def way_to(self, provider: Provider) -> list[Link]:
        """The shortest chain to *provider* from one that nobody needs; without itself."""
        return self.way_into([provider])[1]

    def way_into(self, providers: Sequence[Provider]) -> tuple[Provider, list[Link]]:
        """The shortest chain to one of *providers* from one that nobody needs; and to which.

        It is empty, and leads to the first, where there is none that nobody needs.
        """
        came_from: dict[Provider, tuple[Provider, str] | None] = dict.fromkeys(providers)
        queue = deque(providers)
        while queue:
            current = queue.popleft()
            askers = self._askers.get(current, [])
            if not askers:
                break
            for asker, parameter in askers:
                if asker not in came_from:
                    came_from[asker] = (current, parameter)
                    queue.append(asker)
        else:
            return providers[0], []
        links: list[Link] = []
        step = came_from[current]
        while step is not None:
            below, parameter = step
            links.append(Link.of(current, parameter))
            current, step = below, came_from[below]
        return current, links


def _cycles(
    providers: Sequence[Provider], edges: _Edges, dependents: _Dependents
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
        members = [providers[number] for number in sorted(group)]
        involved.update(members)
        start, way = dependents.way_into(members)
        circle = _circle(successors, group, numbers[start])
        links: list[Link] = []
        key: Key | None = None
        for number, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            parameter = next(
                edge.parameter
                for edge in edges[providers[number]]
                if edge.provider is providers[following]
            )
            links.append(Link.of(providers[number], parameter.name))
            if providers[number].place is not None:  # no list, and no handle
                key = _behind(parameter.key)
        problems.append(errors.CycleError(chain=links, way=way, key=key))
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


def _circle(successors: Sequence[Sequence[int]], group: list[int], start: int) -> list[int]:
    """The shortest circle through *start*, a member of *group*."""
    members = set(group)
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
    problems: dict[object, errors.CaptiveDependencyError] = {}
    for provider in ordered:
        if provider.scope == TRANSIENT or provider in in_cycles:
            continue
        own = graph.scopes.rank(provider.scope)
        for edge in graph.needs(provider):
            if _rank(graph, edge, narrowest) > own:
                problem = _captive(provider, edge, narrowest)
                # Several may keep it through one transient: that is one thing to mend.
                cause = tuple(link.place or link.name for link in problem.chain[-2:])
                cause = (*cause, problem.chain[-2].parameter)
                first = problems.setdefault(cause, problem)
                if first is not problem:
                    others = (*first.others, problem.chain)
                    problems[cause] = dataclasses.replace(first, others=others)
    return list(problems.values())


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
