"""Graph and scope to Plan: which steps, in which order, with which arguments."""

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lifescope._graph.graph import Graph
from lifescope._model.keys import Key
from lifescope._model.names import identifier
from lifescope._model.provider import Edge, Entry, Kind, Parameter, Provider
from lifescope._model.scopes import TRANSIENT
from lifescope._plan.steps import HOOKS, LOCALS, Argument, Plan, Slots, Step

__all__ = ["plan_anew", "plan_entry", "plan_provider"]


def plan_provider(graph: Graph, slots: Slots, provider: Provider, scope: str) -> Plan:
    """How to make what *provider* makes, when an open scope named *scope* is asked."""
    planner = _Planner(graph, slots, scope)
    result = planner.place(Edge(Parameter("", provider.key), provider))
    return planner.plan(f"acquire_{_snake(provider.key)}", [Argument(result)], provider)


def plan_anew(graph: Graph, slots: Slots, provider: Provider, scope: str) -> Plan:
    """How to make one more, in a private scope inside an open one named *scope*.

    What decorates it is made anew together with it; what it needs besides is shared.
    """
    planner = _Planner(graph, slots, scope, _anew(graph, provider))
    planner.open_scope += ".parent" * planner.hops_to(provider.scope)
    result = planner.place(Edge(Parameter("", provider.key), provider))
    return planner.plan(f"make_{_snake(provider.key)}", [Argument(result)], provider)


def _anew(graph: Graph, provider: Provider) -> frozenset[Provider]:
    """*provider*, and what it decorates; objects that are there already stay what they are."""
    made: set[Provider] = set()
    below: Provider | None = provider
    while below is not None and below.kind not in (Kind.VALUE, Kind.SUPPLIED):
        made.add(below)
        wrapped = [e.provider for e in graph.needs(below) if e.parameter.key in below.keys]
        below = wrapped[0] if below.decorate and wrapped else None
    return frozenset(made)


def plan_entry(graph: Graph, slots: Slots, entry: Entry, edges: Sequence[Edge], scope: str) -> Plan:
    """How to make everything that is passed to *entry*, when it is called in *scope*."""
    planner = _Planner(graph, slots, scope)
    results = [
        Argument(planner.place(edge), edge.parameter.name) for edge in edges if not edge.is_omitted
    ]
    return planner.plan(f"fill_{_identifier(entry.name)}", results, entry)


@dataclass(slots=True)
class _Frame:
    """A provider whose arguments are being placed."""

    edge: Edge
    provider: Provider
    rest: Iterator[Edge]
    arguments: list[Argument] = field(default_factory=list[Argument])
    nested: list[Step] = field(default_factory=list[Step])
    by_position: bool = True


class _Planner:
    """Places steps depth first, what is needed before what needs it, without recursion."""

    def __init__(
        self, graph: Graph, slots: Slots, scope: str, anew: frozenset[Provider] | None = None
    ) -> None:
        self.graph = graph
        self.slots = slots
        self.scope = scope
        self.anew = anew or frozenset[Provider]()
        # A private scope is one further in, and shows itself to nobody.
        self.further_in = 0 if anew is None else 1
        self.open_scope = "scope"
        self.steps: list[Step] = []
        self.placed: dict[Provider, str] = {}
        self.last: dict[str, int] = {}
        self.names: set[str] = {*LOCALS, *HOOKS}

    def plan(self, name: str, results: list[Argument], root: Provider | Entry) -> Plan:
        is_widest = self.scope == self.graph.scopes.widest and not self.further_in
        return Plan(name, self.scope, is_widest, tuple(self.steps), tuple(results), root)

    def place(self, edge: Edge) -> str:
        """Add the steps for *edge*; the expression that then holds its value."""
        if (known := self._known(edge)) is not None:
            return known
        stack = [self._frame(edge)]
        while True:
            frame = stack[-1]
            needed = next(frame.rest, None)
            if needed is not None:
                if needed.is_omitted:
                    frame.by_position = False
                elif (known := self._known(needed)) is not None:
                    self._pass(frame, needed, known)
                else:
                    stack.append(self._frame(needed))
                continue
            stack.pop()
            step = self._step(frame)
            if step.slot is None and stack:
                stack[-1].nested += [*frame.nested, step]
            else:
                self.steps += [step] if step.slot is not None else [*frame.nested, step]
            if not stack:
                return step.variable
            self._pass(stack[-1], frame.edge, step.variable)

    def _known(self, edge: Edge) -> str | None:
        """An expression for what needs no step of its own any more."""
        if edge.provider is None:
            return "None"
        if edge.provider.kind is Kind.SCOPE:
            return self.open_scope
        return self.placed.get(edge.provider)

    def _frame(self, edge: Edge) -> _Frame:
        provider = edge.provider
        assert provider is not None
        return _Frame(edge, provider, iter(self._needs(provider)))

    def _needs(self, provider: Provider) -> Sequence[Edge]:
        """What is needed to make it here; what lives further out is only read."""
        if self._hops(provider) or provider.kind.is_relation:
            return ()
        return self.graph.needs(provider)

    def _hops(self, provider: Provider) -> int:
        if provider.scope == TRANSIENT or provider in self.anew:
            return 0
        return self.hops_to(provider.scope)

    def hops_to(self, scope: str) -> int:
        """How many scopes further out the one called *scope* is; where transients look like it."""
        scopes = self.graph.scopes
        own = scopes.rank(self.scope)
        return own - (own if scope == TRANSIENT else scopes.rank(scope)) + self.further_in

    def _pass(self, frame: _Frame, edge: Edge, expression: str) -> None:
        """Pass by position as long as there is no gap: that is the faster call."""
        position = edge.parameter.position
        frame.by_position = frame.by_position and position == len(frame.arguments)
        name = None if frame.by_position else edge.parameter.name
        frame.arguments.append(Argument(expression, name))

    def _step(self, frame: _Frame) -> Step:
        provider = frame.provider
        variable = self._variable(provider.key)
        is_kept = provider.scope != TRANSIENT and provider not in self.anew
        slot = self.slots[provider] if is_kept else None
        hops = self._hops(provider)
        arguments = tuple(frame.arguments)
        if provider.kind.is_relation:
            arguments = (Argument(self.open_scope),)
        if is_kept:
            self.placed[provider] = variable
        nested = tuple(frame.nested) if is_kept else ()
        return Step(provider, variable, arguments, hops, slot, nested)

    def _variable(self, key: Key) -> str:
        base = _snake(key)
        if keyword.iskeyword(base) or keyword.issoftkeyword(base):
            base += "_"
        name = base
        while name in self.names:
            self.last[base] = self.last.get(base, 1) + 1
            name = f"{base}_{self.last[base]}"
        self.names.add(name)
        return name


def _snake(key: Key) -> str:
    words = identifier(key.form) if key.name is None else f"{identifier(key.form)}_{key.name}"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _identifier(words)).lower()


def _identifier(text: str) -> str:
    cleaned = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")
    return cleaned if cleaned[:1].isalpha() else f"x_{cleaned}"
