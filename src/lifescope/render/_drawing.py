"""From a graph to its drawing."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from lifescope import _text
from lifescope._graph.graph import Graph
from lifescope._model.keys import Key
from lifescope._model.names import unwrap
from lifescope._model.provider import Entry, Provider
from lifescope._model.provider import Kind as Driven
from lifescope._model.scopes import TRANSIENT
from lifescope.render._failures import Failures
from lifescope.render._names import Speller, spell_place, unique
from lifescope.render._reading import Gap, Pull, Reading, Subject, pattern_of
from lifescope.render._records import Drawing, Kind, Lane, Need, Node, State

__all__ = ["draw_up"]


def draw_up(
    graph: Graph, entries: Sequence[Entry] = (), *, below: Provider | None = None
) -> Drawing:
    """The drawing of *graph*; of one with problems, only these and what they affect.

    Args:
        graph: What to draw.
        entries: The functions that it is used by: endpoints, jobs, the app factory.
        below: Only this provider, and what it needs.
    """
    reading = Reading(graph, entries)
    failures = Failures(reading, graph.problems)
    drawer = _Drawer(graph, reading, failures)
    nodes = {ident: drawer.node(subject) for subject, ident in drawer.ids.items()}
    needs: _Needs = {ident: drawer.needs(subject) for subject, ident in drawer.ids.items()}
    has_failed = any(node.state is not State.FINE for node in nodes.values())
    if has_failed:
        nodes, needs = _pruned(nodes, needs)
    elif below is not None:
        nodes, needs = _below(drawer.ids[below], nodes, needs)
    orders: _Orders = {} if has_failed or below is not None else drawer.orders()
    needed_by = _turned(needs)
    return Drawing(
        lanes=tuple(_lanes(graph, nodes, orders)),
        nodes=nodes,
        needs=needs,
        needed_by=needed_by,
        roots=_roots(nodes, needed_by),
    )


_HOW = {
    Driven.CALL: "called",
    Driven.AWAIT: "awaited",
    Driven.GENERATOR: "generator",
    Driven.ASYNC_GENERATOR: "async generator",
    Driven.MANAGER: "context manager",
    Driven.ASYNC_MANAGER: "async context manager",
    Driven.SUPPLIED: "supplied",
    Driven.SCOPE: "open scope",
    Driven.VALUE: "value",
    Driven.COLLECTION: "collection",
    Driven.BACKGROUND: "background",
}

_Needs = Mapping[str, tuple[Need, ...]]
_Orders = Mapping[str, tuple[list[str], list[str]]]


class _Drawer:
    """Makes the records of one graph."""

    def __init__(self, graph: Graph, reading: Reading, failures: Failures) -> None:
        self._graph = graph
        self._pulls = reading.pulls
        self._failures = failures
        self._spell = Speller(_keys_in(reading.pulls))
        self.ids = unique(list(reading.pulls), self._title, self._title_by, _title_of_module)

    def node(self, subject: Subject) -> Node:
        node = self._plain_node(subject)
        state, problems = self._failures.state(subject), self._failures.problems(subject)
        return dataclasses.replace(node, state=state, problems=problems)

    def needs(self, subject: Subject) -> tuple[Need, ...]:
        return tuple(self._need(subject, pull) for pull in self._pulls[subject])

    def orders(self) -> _Orders:
        """Scope to the ids of what is acquired in it, and of what is released."""
        scopes = self._graph.scopes.names
        orders: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in scopes}
        asked = [subject for subject in self._pulls if isinstance(subject, Provider)]
        for provider in self._graph.needed(asked, at_once=True):
            if provider in self.ids and provider.scope in orders and self._is_made(provider):
                acquired, released = orders[provider.scope]
                acquired.append(self.ids[provider])
                if provider.kind.has_release:
                    released.insert(0, self.ids[provider])
        return orders

    def _is_made(self, provider: Provider) -> bool:
        is_there = provider.kind in (Driven.SUPPLIED, Driven.VALUE) or provider.kind.is_derived
        is_connected = provider in self._graph.index.edges  # open generics are not
        return is_connected and not is_there

    def _plain_node(self, subject: Subject) -> Node:
        ident, place = self.ids[subject], spell_place(getattr(subject, "place", None))
        if isinstance(subject, Gap):
            return Node(ident, Kind.MISSING, (self._spell(subject.key),), "", Kind.MISSING.value)
        if isinstance(subject, Provider):
            return Node(
                ident,
                Kind.PROVIDER,
                tuple(map(self._spell, _keys(subject))),
                _name(subject),
                subject.scope,
                _HOW[subject.kind],
                place,
                tuple(self._marks(subject)),
            )
        kind = Kind.ENTRY if isinstance(subject, Entry) else Kind.UNREADABLE
        return Node(ident, kind, (), subject.name, kind.value, "", place)

    def _marks(self, provider: Provider) -> Iterable[str]:
        told = {
            "override": any(key in self._graph.overridden for key in provider.keys),
            "decorator": provider.decorate,
            f"part of {_text.keys(provider)}": provider.many,
            "open generic": pattern_of(provider) is not None,
            "eager": provider.eager is True,
            "not eager": provider.eager is False,
            "in a thread": provider.thread,
        }
        return [mark for mark, is_true in told.items() if is_true]

    def _need(self, asker: Subject, pull: Pull) -> Need:
        parameter, target = pull.parameter, pull.target
        relation = pull.relation.name.lower() if pull.relation is not None else ""
        if isinstance(asker, Provider) and asker.kind is Driven.COLLECTION:
            relation = relation or "item"
        return Need(
            asker=self.ids[asker],
            parameter=parameter.name,
            key=self._spell(parameter.key) + (" | None" if parameter.optional else ""),
            target=None if target is None else self.ids[target],
            relation=relation,
            otherwise=_otherwise(pull),
            state=self._failures.between(asker, target),
        )

    def _title(self, subject: Subject) -> str:
        if isinstance(subject, Provider):
            return ", ".join(map(self._spell, _keys(subject)))
        return self._spell(subject.key) if isinstance(subject, Gap) else subject.name

    def _title_by(self, subject: Subject) -> str:
        if isinstance(subject, Gap):
            return f"{self._title(subject)} ({Kind.MISSING.value})"
        if isinstance(subject, Provider):
            return f"{self._title(subject)} ({_name(subject) or subject.kind.value})"
        return f"{subject.name} ({spell_place(subject.place)})"


def _title_of_module(subject: Subject) -> str:
    if isinstance(subject, Gap):
        return f"{subject.key} ({Kind.MISSING.value})"
    if isinstance(subject, Provider):
        module = getattr(unwrap(subject.target), "__module__", "")
        return f"{subject.key} ({module}.{_name(subject)})"
    return f"{subject.name} ({spell_place(subject.place)})"


def _keys(provider: Provider) -> tuple[Key, ...]:
    """A class that is an open generic is shown as one: `Repository[T]`."""
    return (pattern_of(provider) or provider).keys


def _name(provider: Provider) -> str:
    """What the user wrote; empty for what nobody has written."""
    is_unwritten = provider.kind in (Driven.SUPPLIED, Driven.VALUE) or provider.kind.is_derived
    return "" if is_unwritten else provider.name


def _otherwise(pull: Pull) -> str:
    if pull.target is not None:
        return ""
    return "default" if pull.parameter.has_default else "None"


def _keys_in(pulls: Mapping[Subject, Sequence[Pull]]) -> Iterable[Key]:
    for subject, own in pulls.items():
        yield from getattr(subject, "keys", ())
        yield from (pull.parameter.key for pull in own)


def _pruned(nodes: Mapping[str, Node], needs: _Needs) -> tuple[dict[str, Node], _Needs]:
    """What is wrong, and what that affects."""
    kept = {ident: node for ident, node in nodes.items() if node.state is not State.FINE}
    left = {i: tuple(n for n in needs[i] if n.state is not State.FINE) for i in kept}
    return kept, left


def _below(
    top: str, nodes: Mapping[str, Node], needs: _Needs
) -> tuple[dict[str, Node], dict[str, tuple[Need, ...]]]:
    """The node *top*, and what it needs, in however many steps."""
    reached = {top: None}
    waiting = [top]
    while waiting:
        targets = [need.target for need in needs[waiting.pop()] if need.target is not None]
        waiting += [target for target in targets if target not in reached]
        reached |= dict.fromkeys(targets)
    return {i: nodes[i] for i in reached}, {i: needs[i] for i in reached}


def _turned(needs: _Needs) -> dict[str, tuple[Need, ...]]:
    """The same needs, by what is needed."""
    turned: dict[str, list[Need]] = {ident: [] for ident in needs}
    for own in needs.values():
        for need in own:
            if need.target is not None:
                turned[need.target].append(need)
    return {ident: tuple(found) for ident, found in turned.items()}


def _roots(nodes: Mapping[str, Node], needed_by: _Needs) -> tuple[str, ...]:
    entries = [ident for ident, node in nodes.items() if node.kind is Kind.ENTRY]
    unneeded = [ident for ident in nodes if not needed_by[ident]]
    return tuple(dict.fromkeys([*entries, *unneeded]))


def _lanes(graph: Graph, nodes: Mapping[str, Node], orders: _Orders) -> Iterable[Lane]:
    members: dict[str, list[str]] = {name: [] for name in graph.scopes.names}
    aside = (TRANSIENT, Kind.ENTRY.value, Kind.MISSING.value, Kind.UNREADABLE.value)
    members |= {name: [] for name in aside}
    for ident, node in nodes.items():
        members[node.lane].append(ident)
    for name in graph.scopes.names:
        acquired, released = orders.get(name, ((), ()))
        yield Lane(name, tuple(members[name]), tuple(acquired), tuple(released))
    yield from (Lane(n, tuple(members[n]), is_scope=False) for n in aside if members[n])
