"""The check: one pass over the providers of a container finds every mistake."""

import dataclasses
import functools
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args, get_origin

from lifescope import errors
from lifescope._declare.imports import import_of
from lifescope._graph.generics import canonical
from lifescope._graph.graph import Graph
from lifescope._graph.index import Index
from lifescope._graph.makeable import Offered, use_of_class
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key, as_key, list_of
from lifescope._model.names import Place, spell
from lifescope._model.provider import Edge, Entry, Kind, Link, Nearness, Parameter, Provider
from lifescope._model.relations import RELATIONS
from lifescope._model.scopes import TRANSIENT, ScopeOrder
from lifescope._text import near

__all__ = ["build", "check_entry", "edge_for", "merge", "missing_key"]

_Edges = Mapping[Provider, tuple[Edge, ...]]

_WITH_SUGGESTIONS = 20
"""Where more is missing than this, a module was forgotten; names that are alike help nobody."""


_MANY = 3
"""If so many keep something beyond its end, it has the wrong scope, not they."""


def build(
    declared: Sequence[Provider],
    scopes: ScopeOrder,
    place: Place | None = None,
    *,
    is_complete: bool = True,
    undecorated: Collection[Key] = (),
    is_checked: bool = False,
) -> tuple[Graph, list[errors.GraphError]]:
    """The graph of *declared*, and everything that is wrong with it.

    Args:
        declared: In the order in which they were given.
        scopes: The container's scopes.
        place: Where the container is made.
        is_complete: False if there are providers whose key is not known; what seems to be
            missing may be what they provide, and is not reported.
        undecorated: Keys that decorators leave alone.
        is_checked: It is known that nothing is wrong.
    """
    problems: list[errors.GraphError] = []
    duplicates: list[errors.DuplicateProviderError] = []
    kept = declared
    if not is_checked:
        known, problems = _with_known_scope(declared, scopes)
        kept, duplicates = _one_per_key(known)
    index = Index(kept, scopes, undecorated)
    connected = index.connect()
    making = [provider for provider in connected if provider not in index.samples]
    graph = Graph(scopes, tuple(kept), tuple(making), index, place=place)
    if not is_checked:
        others = _problems(graph, connected, is_complete)
        problems += _explained(graph, duplicates, others)
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
            gaps.append(_Gap(parameter, (*entry.asked_by, Link.of(entry, parameter.name)), entry))
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
        # A function that several routes depend on asks once.
        known = {chain[-1] for chain in (first.chain, *first.others)}
        chains = [c for c in (problem.chain, *problem.others) if c[-1] not in known]
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
    ordered = graph.needed(providers)
    cycles, in_cycles = (
        ([], set[Provider]())
        if _is_in_order(ordered, index.edges)
        else _cycles(providers, index.edges, dependents)
    )
    return [
        *others,
        *_missing(graph, missing),
        *cycles,
        *_captives(graph, ordered, in_cycles, dependents),
    ]


class _Gap(NamedTuple):
    """A parameter for which there is nothing, and the way to it."""

    parameter: Parameter
    chain: tuple[Link, ...]
    asker: Provider | Entry

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
    return _together(
        _missing_key(graph, key, same, is_first=number < _WITH_SUGGESTIONS)
        for number, (key, same) in enumerate(by_key.items())
    )


def _together(missing: Iterable[errors.MissingProviderError]) -> list[errors.GraphError]:
    """The same, where what was left out with one module, or one list, is one problem."""
    together: dict[object, errors.MissingProviderError] = {}
    for problem in missing:
        suggestion = next(iter(problem.suggestions), None)
        is_left_out = suggestion is not None and suggestion.nearness is Nearness.LEFT_OUT
        cause = suggestion.source if suggestion is not None and is_left_out else problem.key
        first = together.setdefault(cause, problem)
        if first is not problem:
            together[cause] = dataclasses.replace(first, also=(*first.also, problem.key))
    return list(together.values())


def missing_key(graph: Graph, key: Key) -> errors.MissingProviderError:
    """What to say of *key*, that was asked for by hand."""
    return errors.MissingProviderError(
        key=key,
        suggestions=suggest(key, graph.declared, graph.place),
        container=graph.place,
        by_class=_use_of_class(graph, key, graph.declared, None),
    )


def _missing_key(
    graph: Graph, key: Key, gaps: list[_Gap], *, is_first: bool
) -> errors.MissingProviderError:
    first, *rest = sorted(gaps, key=lambda gap: len(gap.chain))
    # What it is to live in, if it is to fit all who ask: nothing narrower than the widest.
    scopes = {gap.asker.scope for gap in gaps} & set(graph.scopes.names)
    widest = min(scopes, key=graph.scopes.rank) if scopes else None
    asker, parameter = first.asker, first.parameter.name
    there = [provider for provider in graph.declared if provider is not asker]
    suggestions = suggest(key, there, graph.place, parameter) if is_first else []
    is_alike = any(s.nearness is Nearness.SPELLED_ALIKE for s in suggestions)
    written_at = asker.written_at
    return errors.MissingProviderError(
        key=key,
        chain=first.chain,
        others=[gap.chain for gap in rest],
        suggestions=suggestions,
        scope=widest,
        asked_at=written_at if written_at != asker.place else None,
        imported_at=import_of(spell(key.form), written_at.file)
        if is_alike and written_at
        else None,
        container=graph.place,
        by_class=_use_of_class(graph, key, there, widest) if is_first else "made",
    )


def _use_of_class(
    graph: Graph, key: Key, there: Sequence[Provider], scope: str | None
) -> Literal["made", "handed in", ""]:
    """How the class that *key* is could be used; only the widest scope is opened with values."""
    use = use_of_class(key, Offered(there))
    return "" if use == "handed in" and scope not in (None, graph.scopes.widest) else use


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
            names = (*scopes.names, TRANSIENT)
            meant = near(provider.scope, names) or scopes.widest
            known.append(dataclasses.replace(provider, scope=meant))
            problems.append(
                errors.UnknownScopeError(
                    scope=provider.scope, known=names, name=provider.name, place=provider.said_at
                )
            )
    return known, problems


def _one_per_key(
    declared: Sequence[Provider],
) -> tuple[list[Provider], list[errors.DuplicateProviderError]]:
    """The providers that stay: `replace=True` takes the place of what others offer."""
    offers: dict[Key, list[Provider]] = {}
    for provider in declared:
        for key in _claimed(provider):
            offers.setdefault(canonical(key), []).append(provider)
    problems: list[errors.DuplicateProviderError] = []
    replaced: set[tuple[Provider, Key]] = set()
    for key, providers in offers.items():
        if len(providers) == 1:
            continue
        replacing = [provider for provider in providers if provider.replace]
        if len(replacing) == 1:
            replaced.update((p, key) for p in providers if not p.replace)
        elif not all(provider.many for provider in providers):
            [spelled, *_] = [k for k in _claimed(providers[0]) if canonical(k) == key]
            problems.append(
                errors.DuplicateProviderError(key=spelled, providers=replacing or providers)
            )
    if not replaced:
        return list(declared), problems
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


def _explained(
    graph: Graph,
    duplicates: Iterable[errors.DuplicateProviderError],
    others: Sequence[errors.GraphError],
) -> list[errors.GraphError]:
    """What is provided twice, with what that comes from, and *others* without what follows."""
    explained: list[errors.GraphError] = []
    rest = list(others)
    for duplicate in duplicates:
        key = duplicate.key
        consequences: list[errors.GraphError] = [
            p for p in rest if isinstance(p, errors.CycleError) and key in p.keys
        ]
        # One of them was to have the name for which another one asks in vain.
        named = next(
            (
                p
                for p in rest
                if isinstance(p, errors.MissingProviderError)
                and key.name is None
                and p.key.name is not None
                and p.key.form == key.form
            ),
            None,
        )
        consequences += [named] if named is not None else []
        rest = [problem for problem in rest if problem not in consequences]
        explained.append(
            dataclasses.replace(
                duplicate,
                wraps=next((p for p in duplicate.providers if _asks_for(p, key)), None),
                lists=_listed_by(graph, key),
                misses=named.chain[-1] if named is not None else None,
                missing=named.key.name or "" if named is not None else "",
            )
        )
    return [*explained, *rest]


def _asks_for(provider: Provider, key: Key) -> bool:
    return any(parameter.key == key for parameter in provider.parameters)


def _listed_by(graph: Graph, key: Key) -> Provider | None:
    """Who asks for a list of *key*."""
    wanted = list_of(key)
    return next((p for p in graph.declared if _asks_for(p, wanted)), None)


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

    def of(self, provider: Provider) -> list[Provider]:
        """Who needs *provider*, through transients as well; without these."""
        found: dict[Provider, None] = {}
        queue, seen = deque([provider]), {provider}
        while queue:
            for asker, _ in self._askers.get(queue.popleft(), ()):
                if asker in seen:
                    continue
                seen.add(asker)
                if asker.scope == TRANSIENT:
                    queue.append(asker)
                else:
                    found[asker] = None
        return list(found)

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


def _is_in_order(ordered: Iterable[Provider], edges: _Edges) -> bool:
    """Whether each comes after all that it needs: then there is no circle, allowed or not."""
    before: set[Provider | None] = {None}
    for provider in ordered:
        for edge in edges.get(provider, ()):  # what is built in has none
            if edge.provider not in before:
                return False
        before.add(provider)
    return True


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
        keys: list[Key] = []
        for number, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            parameter = next(
                edge.parameter
                for edge in edges[providers[number]]
                if edge.provider is providers[following]
            )
            links.append(Link.of(providers[number], parameter.name))
            keys.append(parameter.key)
        asking = [providers[number] for number in circle]
        written = [provider.written_at if provider.place else None for provider in asking]
        wraps = [p.decorate and key in p.keys for p, key in zip(asking, keys, strict=True)]
        problems.append(
            errors.CycleError(chain=links, way=way, keys=keys, written=written, wraps=wraps)
        )
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
    graph: Graph, ordered: Sequence[Provider], in_cycles: set[Provider], dependents: _Dependents
) -> list[errors.GraphError]:
    """Longer-lived providers that need shorter-lived ones, also through transients.

    *ordered* are all that are looked at, what is needed before what needs it.
    """
    narrowest = _narrowest(graph, ordered)
    problems: dict[object, errors.CaptiveDependencyError] = {}
    for provider in ordered:
        if provider.scope == TRANSIENT or provider in in_cycles:
            continue
        own = graph.scopes.rank(provider.scope)
        for edge in graph.needs(provider):
            if edge.provider is None or edge.provider.scope == provider.scope:
                continue  # nearly always
            if _rank(graph, edge, narrowest) > own:
                problem = _captive(graph, provider, edge, narrowest, dependents)
                # Several may keep it through one transient: that is one thing to mend.
                cause = tuple(link.place or link.name for link in problem.chain[-2:])
                cause = (*cause, problem.chain[-2].parameter)
                first = problems.setdefault(cause, problem)
                if first is not problem:
                    others = (*first.others, problem.chain)
                    problems[cause] = dataclasses.replace(first, others=others)
    return _kept_by_many(problems.values())


def _kept_by_many(problems: Iterable[errors.CaptiveDependencyError]) -> list[errors.GraphError]:
    """The same; where many keep one that could live as long as they do, it is the mistake."""
    by_inner: dict[Provider, list[errors.CaptiveDependencyError]] = {}
    for problem in problems:
        by_inner.setdefault(problem.inner, []).append(problem)
    found: list[errors.GraphError] = []
    for first, *rest in by_inner.values():
        are_movable = all(problem.is_movable for problem in (first, *rest))
        is_plain = first.is_liftable and not first.inner.kind.has_release
        if len(rest) + 1 >= _MANY and is_plain and not are_movable:
            others = [chain for each in rest for chain in (each.chain, *each.others)]
            others = [*first.others, *others]
            found.append(dataclasses.replace(first, others=others, is_kept_by_many=True))
        else:
            found += [first, *rest]
    return found


_Narrowest = dict[Provider, tuple[int, Edge | None]]


def _narrowest(graph: Graph, ordered: Sequence[Provider]) -> _Narrowest:
    """For each transient the narrowest scope that it needs, and the edge that leads there.

    One pass is enough, as what is needed comes first; unless a circle through a factory, which
    is allowed, leads back to a transient.
    """
    narrowest: _Narrowest = {}
    transients = [provider for provider in ordered if provider.scope == TRANSIENT]
    changed = True
    while changed:
        changed = False
        for provider in transients:
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


def _captive(
    graph: Graph, outer: Provider, first: Edge, narrowest: _Narrowest, dependents: _Dependents
) -> errors.CaptiveDependencyError:
    links: list[Link] = []
    current, edge = outer, first
    asker, parameter = outer, first.parameter
    while True:
        if current.place is not None:  # no list, and no handle
            asker, parameter = current, edge.parameter
        links.append(Link.of(current, edge.parameter.name))
        assert edge.provider is not None
        current = edge.provider
        following = narrowest[current][1] if current.scope == TRANSIENT else None
        if following is None:
            break
        edge = following
    links.append(Link.of(current))
    rank = graph.scopes.rank
    needs = graph.needed([edge.provider for edge in graph.needs(current) if edge.provider])
    return errors.CaptiveDependencyError(
        outer=outer,
        inner=current,
        chain=links,
        is_movable=not outer.eager
        and all(rank(each.scope) >= rank(current.scope) for each in dependents.of(outer)),
        is_liftable=current.place is not None
        and all(n.scope == TRANSIENT or rank(n.scope) <= rank(outer.scope) for n in needs),
        wraps=asker.decorate and parameter.key in asker.keys,
        asked_at=asker.written_at,
    )
