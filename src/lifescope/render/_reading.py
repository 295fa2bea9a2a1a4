"""From a graph, and the entry points that are known, to what is drawn and what it needs."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args, get_origin

from lifescope import errors
from lifescope._graph import generics
from lifescope._graph.graph import Graph
from lifescope._graph.validate import edge_for
from lifescope._model.keys import Key, as_key
from lifescope._model.names import Place
from lifescope._model.provider import Edge, Entry, Kind, Parameter, Provider
from lifescope._model.relations import RELATIONS

__all__ = ["Gap", "Pull", "Reading", "Stranger", "Subject", "pattern_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """A key that nothing provides."""

    key: Key


@dataclass(frozen=True, slots=True, eq=False)
class Stranger:
    """A function or class that could not be read as a provider."""

    name: str
    place: Place | None


Subject = Provider | Entry | Gap | Stranger
"""What becomes a node."""


@dataclass(frozen=True, slots=True)
class Pull:
    """A parameter, and what is passed for it; without a target, None or the default."""

    parameter: Parameter
    target: Subject | None
    relation: Kind | None = None


class Reading:
    """What is in a graph.

    Handles such as `Lazy[T]` are not in it: whoever needs the handle needs T, with a relation.

    Attributes:
        pulls: What is drawn, in the order of declaration, and what it needs.
        gaps: By the key that is missing.
    """

    def __init__(self, graph: Graph, entries: Sequence[Entry]) -> None:
        self._graph = graph
        self.pulls: dict[Subject, list[Pull]] = {}
        self.gaps: dict[Key, Gap] = {}
        self._samples = {(id(s.target), s.keys): s for s in graph.index.samples}
        self._add([*graph.declared, *graph.providers])
        for entry in entries:
            self.pulls[entry] = [self._of_entry(parameter) for parameter in entry.parameters]
            self._add(_targets(self.pulls[entry]))
        self.pulls |= {gap: [] for gap in self.gaps.values()}

    def add_stranger(self, name: str, place: Place | None) -> Stranger:
        """One more node, for what could not be read."""
        stranger = Stranger(name, place)
        self.pulls[stranger] = []
        return stranger

    def providers(self) -> Iterator[Provider]:
        """Those that are drawn."""
        return (subject for subject in self.pulls if isinstance(subject, Provider))

    def _add(self, providers: Iterable[Provider]) -> None:
        """Read *providers*, and what nobody declares: what turns up because they need it."""
        queue = deque(providers)
        while queue:
            provider = queue.popleft()
            if provider not in self.pulls and not _is_handle(provider):
                self.pulls[provider] = [self._pull(*pair) for pair in self._pairs(provider)]
                queue.extend(_targets(self.pulls[provider]))

    def _pairs(self, provider: Provider) -> Iterator[tuple[Parameter, Edge | None]]:
        """The parameters of *provider*, without those of an open generic that are open."""
        pattern, maker = pattern_of(provider), provider
        if pattern is not None and not self._graph.needs(provider):
            maker = self._samples.get((id(provider.target), pattern.keys), provider)
        edges = {id(edge.parameter): edge for edge in self._graph.needs(maker)}
        for parameter in provider.parameters:
            if pattern is None or not generics.is_open(parameter.key.form):
                yield parameter, edges.get(id(parameter))

    def _of_entry(self, parameter: Parameter) -> Pull:
        try:
            return self._pull(parameter, edge_for(self._graph, parameter))
        except errors.GraphError:  # the check says which; here it is not provided
            return self._pull(parameter, None)

    def _pull(self, parameter: Parameter, edge: Edge | None) -> Pull:
        if edge is None:
            return self._missing(parameter)
        target, relation = edge.provider, None
        while target is not None and _is_handle(target):
            relation = relation or target.kind
            target = target.leads_to
        return Pull(parameter, target, relation)

    def _missing(self, parameter: Parameter) -> Pull:
        key, relation = parameter.key, None
        while (kind := RELATIONS.get(get_origin(key.form))) is not None:
            relation = relation or kind
            inner = as_key(get_args(key.form)[0])
            key = Key(inner.form, inner.name or key.name)
        return Pull(parameter, self.gaps.setdefault(key, Gap(key)), relation)


def pattern_of(provider: Provider) -> Provider | None:
    """*provider* as one of an open generic; None if it makes one thing."""
    is_there = provider.kind in (Kind.SUPPLIED, Kind.VALUE) or provider.kind.is_derived
    return None if is_there else generics.pattern_of(provider)


def _targets(pulls: Iterable[Pull]) -> Iterator[Provider]:
    return (pull.target for pull in pulls if isinstance(pull.target, Provider))


def _is_handle(provider: Provider) -> bool:
    return provider.kind in (Kind.LAZY, Kind.FACTORY, Kind.CURRENT)
