"""Which nodes are the cause of a problem, and which are affected: what needs those."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lifescope import errors
from lifescope._model.names import Place
from lifescope._model.provider import Entry, Link, Provider
from lifescope._model.relations import relation_of
from lifescope._text import ROUTE
from lifescope.render._reading import Gap, Reading, Subject
from lifescope.render._records import State

__all__ = ["Failures"]

_Name = tuple[str, Place | None]


class Failures:
    """The problems of a graph, by the subjects of its drawing."""

    def __init__(self, reading: Reading, problems: Sequence[errors.GraphError]) -> None:
        self._reading = reading
        self._problems: dict[Subject, dict[int, str]] = {}
        self._by_name: dict[_Name, list[Subject]] = {}
        for subject in reading.pulls:
            if isinstance(subject, Provider | Entry):
                self._by_name.setdefault((subject.name, subject.place), []).append(subject)
        spreading: dict[Subject, None] = {}
        for number, problem in enumerate(problems):
            spreading |= dict.fromkeys(self._mark(number, problem))
        # What an entry point misses is in no problem; what may be a consequence only, neither.
        gaps = dict.fromkeys(reading.gaps.values())
        self._unexplained = {gap for gap in gaps if gap not in self._problems} if problems else ()
        self._affected = self._askers([*spreading, *gaps])

    def state(self, subject: Subject) -> State:
        """How far *subject* is touched."""
        is_gap = isinstance(subject, Gap) and subject not in self._unexplained
        if is_gap or subject in self._problems:
            return State.CAUSE
        is_affected = subject in self._affected or isinstance(subject, Gap)
        return State.AFFECTED if is_affected else State.FINE

    def problems(self, subject: Subject) -> tuple[str, ...]:
        """The classes of the errors that name it."""
        return tuple(dict.fromkeys(self._problems.get(subject, {}).values()))

    def between(self, asker: Subject, target: Subject | None) -> State:
        """How far the need is touched: it is a cause if one problem has both ends."""
        if target is None or State.FINE in (self.state(asker), self.state(target)):
            return State.FINE
        together = self._problems.get(asker, {}).keys() & self._problems.get(target, {})
        is_missing = isinstance(target, Gap) and self.state(target) is State.CAUSE
        return State.CAUSE if together or is_missing else State.AFFECTED

    def _mark(self, number: int, problem: errors.GraphError) -> Iterator[Subject]:
        """Note *problem* at its causes; those that the trouble spreads from."""
        outer = getattr(problem, "outer", None)
        for subject in self._causes(problem):
            self._problems.setdefault(subject, {})[number] = type(problem).__name__
            if outer is None or (outer.name, outer.place) in _names_of(subject):
                yield subject

    def _causes(self, problem: Any) -> Iterator[Subject]:
        if isinstance(problem, errors.MissingProviderError):
            if problem.key in self._reading.gaps:
                yield self._reading.gaps[problem.key]
            return
        for name in _named_by(problem):
            if name not in self._by_name:
                self._by_name[name] = [self._reading.add_stranger(*name)]
            yield from self._by_name[name]

    def _askers(self, causes: Iterable[Subject]) -> set[Subject]:
        """Everything that needs one of *causes*, in however many steps."""
        askers: dict[Subject, list[Subject]] = {}
        for asker, pulls in self._reading.pulls.items():
            for pull in pulls:
                if pull.target is not None:
                    askers.setdefault(pull.target, []).append(asker)
        reached = set(causes)
        queue = deque(reached)
        while queue:
            new = [a for a in askers.get(queue.popleft(), ()) if a not in reached]
            reached.update(new)
            queue.extend(new)
        return reached


def _names_of(subject: Any) -> list[_Name]:
    return [(subject.name, subject.place)]


def _named_by(problem: Any) -> Iterator[_Name]:
    """What a problem names as its cause: providers, the links of its chain, or itself."""
    chain: Sequence[Link] = getattr(problem, "chain", ())
    links = [link for link in chain if link.scope != ROUTE and not relation_of(link)]
    several = [*getattr(problem, "providers", ()), *links]
    singles = [getattr(problem, name, None) for name in ("provider", "outer", "inner")]
    named = [*several, *(single for single in singles if hasattr(single, "place"))]
    for each in named or [problem]:
        yield getattr(each, "name", type(problem).__name__), getattr(each, "place", None)
