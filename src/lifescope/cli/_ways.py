"""Who needs a provider: the shortest way to it from each entry point."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lifescope._graph.graph import Graph
from lifescope._model.provider import Entry, Provider
from lifescope.cli._loading import Target
from lifescope.render._reading import Reading, Subject

__all__ = ["Way", "ways_to"]


class Way(NamedTuple):
    """From an entry point to a provider.

    Attributes:
        start: The route, or what else the way begins with.
        steps: `create_order(orders)`, and so on: each asks for the next.
    """

    start: str
    steps: list[str]


def ways_to(target: Target, provider: Provider) -> list[Way]:
    """The ways to *provider*, the shortest first."""
    graph, findings = target.engine.graph, target.findings
    entries = [] if findings is None else findings.entries
    reading = Reading(graph, entries)
    below = _below(reading, provider)
    found: list[Way] = []
    for start, subject in _starts(target, reading, graph):
        if subject in below:
            found.append(Way(start, _steps(subject, below)))
    return sorted(found, key=lambda way: len(way.steps))


_Below = dict[Subject, tuple[Subject, str] | None]


def _below(reading: Reading, provider: Provider) -> _Below:
    """For each that needs *provider*, the next step on the shortest way to it."""
    askers: dict[Subject, list[tuple[Subject, str]]] = {}
    for asker, pulls in reading.pulls.items():
        for pull in pulls:
            if pull.target is not None:
                askers.setdefault(pull.target, []).append((asker, pull.parameter.name))
    below: _Below = {provider: None}
    queue: deque[Subject] = deque([provider])
    while queue:
        current = queue.popleft()
        for asker, parameter in askers.get(current, ()):
            if asker not in below:
                below[asker] = (current, parameter)
                queue.append(asker)
    return below


def _steps(subject: Subject, below: _Below) -> list[str]:
    steps: list[str] = []
    current: Subject = subject
    while (step := below[current]) is not None:
        steps.append(f"{getattr(current, 'name', '').removesuffix('()')}({step[1]})")
        current = step[0]
    return steps


def _starts(target: Target, reading: Reading, graph: Graph) -> Iterable[tuple[str, Subject]]:
    """What begins a way: an entry point, what is eager; without an app, what nobody needs."""
    findings = target.findings
    if findings is not None:
        read = {_identity(subject): subject for subject in reading.pulls if _is_entry(subject)}
        if findings.factory is not None and _identity(findings.factory) in read:
            yield "the app factory", read[_identity(findings.factory)]
        for route in findings.routes:
            for entry in route.entries:
                yield route.name, read[_identity(entry)]
    needed = {pull.target for pulls in reading.pulls.values() for pull in pulls}
    for provider in graph.providers:
        if provider.eager:
            yield "eager", provider
        elif findings is None and provider not in needed:
            yield "", provider


def _is_entry(subject: Subject) -> bool:
    return isinstance(subject, Entry)


def _identity(subject: Subject) -> Sequence[object]:
    return tuple(getattr(subject, name, None) for name in ("name", "place", "parameters"))
