"""What the log of a run has to show, promise by promise; one pass over it, event by event."""

from collections.abc import Callable, Iterator
from typing import Any

from property.graphs import TRANSIENT, Fault
from property.worlds import Event, Thing

FINISHED = ("failed", "released", "broke")


class BrokenPromiseError(AssertionError):
    """What the log shows is not what was promised."""


class Witness:
    """Reads the log from its start, and knows at each event where every thing stands.

    Args:
        fault: What went wrong in the run, if it did.
        is_cancellation: Whether an error is one, on the event loop of the run.
    """

    def __init__(
        self, fault: Fault | None, is_cancellation: Callable[[BaseException | None], bool]
    ) -> None:
        self._fault = fault
        self._is_cancellation = is_cancellation
        self._standing: dict[Thing, str] = {}  # in the order of begin
        self._acquired: list[Thing] = []
        self._entered_in: dict[Thing, int] = {}
        self._outcomes: dict[str, BaseException | None] = {}
        self._given_out: set[Thing] = set()
        self._given_up: set[Thing] = set()

    def read(self, log: list[Event]) -> None:
        """Check all of *log*, which is complete.

        Raises:
            BrokenPromiseError: It shows something else than was promised.
        """
        for position, event in enumerate(log):
            try:
                getattr(self, f"on_{event.what}")(event)
                if event.thing is not None and event.what != "got":
                    self._standing[event.thing] = event.what
            except BrokenPromiseError as error:
                shown = "\n".join(str(e) for e in log[: position + 1])
                raise BrokenPromiseError(f"{error}\n{shown}") from None
        self._check_end()

    def _check_end(self) -> None:
        for thing, standing in self._standing.items():
            _promise("G3", standing not in ("begin", "releasing"), f"{thing} ended as {standing}")
            if thing.node.kind.has_release:
                _promise("G3", standing in FINISHED, f"{thing} was never released")

    # --- one event each -----------------------------------------------------------------------

    def on_begin(self, event: Event) -> None:
        thing = _thing_of(event)
        for needed in thing.needs:
            standing = self._standing[needed]
            _promise("G2", standing == "acquired", f"{thing} is given {needed}, {standing}")
            self._given_out.add(needed)
        numbers = tuple(needed.node.number for needed in thing.needs)
        _promise("G1", numbers == thing.node.needs, f"{thing} is given {thing.needs}")
        if thing.node.scope != TRANSIENT:
            others = [
                other
                for other, standing in self._standing.items()
                if other.node is thing.node and other.scope == thing.scope
                if standing != "failed" and other not in self._given_up
            ]
            _promise("G1", not others, f"{thing} is made besides {others}")

    def _check_under_way(self, thing: Thing) -> None:
        _promise("G1", self._standing[thing] == "begin", f"{thing} is acquired again")

    def on_acquired(self, event: Event) -> None:
        thing = _thing_of(event)
        self._check_under_way(thing)
        self._acquired.append(thing)
        self._entered_in[thing] = event.task

    def on_failed(self, event: Event) -> None:
        self._check_under_way(_thing_of(event))

    def on_got(self, event: Event) -> None:
        thing = _thing_of(event)
        standing = self._standing[thing]
        _promise("G10", standing == "acquired", f"{thing} is given out, {standing}")
        self._given_out.add(thing)

    def on_closing(self, event: Event) -> None:
        self._outcomes[event.scope] = event.error

    def on_releasing(self, event: Event) -> None:
        thing = _thing_of(event)
        _promise("G3", self._standing[thing] == "acquired", f"{thing} is released again")
        _promise("G5", self._entered_in[thing] == event.task, f"{thing} is left in another task")
        self._check_outcome(thing, event.error)
        for other in self._unfinished():
            if other is not thing:
                _promise("G2", thing not in _needs_of(other), f"{thing} is released before {other}")
        if thing not in self._given_up:
            self._check_turn(thing)

    def _check_turn(self, thing: Thing) -> None:
        """Within a scope: one at a time, the last one first."""
        unfinished = [t for t in self._unfinished() if t not in self._given_up]
        busy = [t for t in unfinished if self._standing[t] == "releasing"]
        _promise("G2", not busy, f"{thing} is released while {busy} is")
        in_scope = [t for t in self._acquired if t.scope == thing.scope]
        later = in_scope[in_scope.index(thing) + 1 :]
        late = [t for t in later if t.node.kind.has_release and t in unfinished]
        if thing.node.scope != TRANSIENT:
            _promise("G2", not late, f"{thing} is released before {late}")

    def _check_outcome(self, thing: Thing, seen: BaseException | None) -> None:
        if thing.node.scope == TRANSIENT:  # in whichever scope it was asked for
            expected = list(self._outcomes.values())
        else:
            expected = [self._outcomes[s] for s in (thing.scope,) if s in self._outcomes]
        if any(seen is outcome for outcome in expected):
            return
        if self._is_cancellation(seen):  # on each way out it may be another object
            if any(self._is_cancellation(outcome) for outcome in expected):
                return
            if self._fault is not None and thing not in self._given_out:
                self._given_up.add(thing)  # nobody waited for it any more
                return
        _promise("G4", False, f"{thing} sees {seen!r}, and the end was {expected}")

    def on_released(self, event: Event) -> None:
        thing = _thing_of(event)
        _promise("G3", self._standing[thing] == "releasing", f"{thing} is released unasked")

    def on_broke(self, event: Event) -> None:
        self.on_released(event)
        thing, fault = _thing_of(event), self._fault
        is_hit = fault is not None and (fault.at, fault.phase) == (thing.node.number, "release")
        _promise("G3", is_hit, f"the release of {thing} is cut short by {event.error!r}")

    def _unfinished(self) -> Iterator[Thing]:
        for thing, standing in self._standing.items():
            if standing == "begin" or (thing.node.kind.has_release and standing not in FINISHED):
                yield thing


def _promise(guarantee: str, is_kept: bool, otherwise: str) -> None:
    if not is_kept:
        raise BrokenPromiseError(f"{guarantee}: {otherwise}")


def _thing_of(event: Event) -> Thing:
    assert event.thing is not None
    return event.thing


def _needs_of(thing: Thing) -> set[Thing]:
    """All that *thing* needs, also through others."""
    found: set[Thing] = set()
    todo = list(thing.needs)
    while todo:
        needed = todo.pop()
        if needed not in found:
            found.add(needed)
            todo += needed.needs
    return found


def tells_of(error: BaseException, marker: str) -> bool:
    """Whether *error* is what *marker* stands for, has it in its group, or in its notes."""
    if marker in str(error) or marker in type(error).__name__:
        return True
    if any(marker in note for note in getattr(error, "__notes__", ())):
        return True
    members: tuple[Any, ...] = getattr(error, "exceptions", ())
    return any(tells_of(member, marker) for member in members)
