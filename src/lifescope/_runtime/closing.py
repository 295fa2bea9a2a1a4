"""The end of an open scope: who is waited for, what is released, and what then comes out."""

import enum
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, move_on_after

from lifescope import errors
from lifescope._model.provider import Provider
from lifescope._runtime import guards, loops
from lifescope._runtime.exits import GRACE, release_all, report
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.owners import Flight
from lifescope._runtime.running import DRAIN
from lifescope._runtime.shield import finish

if TYPE_CHECKING:
    from lifescope._runtime.scope import OpenScope

__all__ = ["MISSING", "State", "check_closable", "close", "still_there"]


class _Missing(enum.Enum):
    MISSING = "missing"


MISSING = _Missing.MISSING
"""Stands in a slot for a value that is not there yet."""


class State(enum.IntEnum):
    """Where a scope is in its life; only an open one makes anything."""

    OPEN = 0
    CLOSING = 1
    CLOSED = 2


async def close(scope: "OpenScope", error: BaseException | None) -> None:
    """End the scope: release everything, and tell each provider how it ended.

    Args:
        scope: Closed for good afterwards, whatever happens.
        error: What leaves the scope. It is left to the caller to raise. Without one,
            providers see what was told to `record_failure`.

    Raises what is to be raised instead of *error*: what the releases raise where there is
    none, or where it is a cancellation that came from within, from a task group of a
    provider, and is used up.
    """
    failures: list[BaseException] = []
    if scope._state is State.OPEN:
        if scope._flights:
            check_closable(scope)
        if scope.parent is None:
            failures += await _end_work(scope, error)
            if scope.overlays is not None:
                failures += await scope.overlays.close_all()
    if scope._state is State.CLOSING:
        await _wait_for_end(scope)
    if scope._state is not State.OPEN:
        return
    scope._state = State.CLOSING
    crashed = scope.crashed
    if crashed is not None:
        if scope.on_crash is None:
            await loops.take_back_cancel(scope._opener or scope._task, error)
        error = None if is_cancellation(error) else error
    if scope._flights:
        failures += await _land_flights(scope, error)
    if crashed is not None:  # on trio the guard is still cancelled, by us
        failures = [failure for failure in failures if not is_cancellation(failure)]
    try:
        outcome = error or crashed or scope.failure
        if scope._guard is None and scope._level is None:
            failures += await release_all(scope._exits, outcome, None)
        else:
            with _guarded(scope) as guard:
                failures += await release_all(scope._exits, outcome, guard)
    finally:
        scope.give_back()
        scope.forget()
    if error is not None and is_cancellation(error) and not loops.is_being_cancelled():
        error = None if failures else error
    if crashed is not None and error is None and not failures:
        failures.append(crashed)
    failed = report(failures, error)
    failures.clear()
    if failed is not None:
        try:
            raise failed
        finally:
            del failed  # no cycle through this frame


def check_closable(scope: "OpenScope") -> None:
    """Refuse to wait for an acquisition that is itself waiting for the end of the scope.

    Raises:
        AcquisitionLoopError: A provider closes its own scope while it is being acquired.
    """
    in_own_task = scope._task is loops.current_task()
    for provider, flight in scope._flights.items():
        owner = flight.owner if flight is not None else None
        if owner.runs_here() if owner is not None else in_own_task:
            raise errors.AcquisitionLoopError(providers=[str(provider)])


async def _wait_for_end(scope: "OpenScope") -> None:
    """Somebody else is closing the scope: be through when they are."""
    if scope._ended is None:
        scope._ended = Event()
    await scope._ended.wait()


async def _end_work(scope: "OpenScope", outcome: BaseException | None) -> list[BaseException]:
    """Let what runs inside an app scope end. What cancels the wait is handed back."""
    if not scope.running.work:
        return []
    try:
        await scope.running.end(0 if outcome is not None or scope.crashed else DRAIN)
    except BaseException as error:
        return [error]
    return []


async def _land_flights(scope: "OpenScope", outcome: BaseException | None) -> list[BaseException]:
    """Wait for acquisitions that are still under way, so that nothing arrives too late.

    If the scope ends by a cancellation, or is cancelled here, or they take longer than the
    grace, they are cancelled. What cancels the wait is handed back, to go on afterwards.
    """
    if not _under_way(scope):
        return []
    try:
        if is_cancellation(outcome):
            _give_up(scope)
        with move_on_after(GRACE):
            await _wait_for_flights(scope)
        _give_up(scope)
        await _wait_for_flights(scope)
    except BaseException as error:
        _give_up(scope)
        return [await finish(_wait_for_flights(scope)) or error]
    return []


def _under_way(scope: "OpenScope") -> list[Flight]:
    """Acquisitions in owners, and those in place in another task than the one that closes."""
    for provider, flight in scope._flights.items():
        if flight is None and isinstance(provider, Provider):
            scope._flights[provider] = Flight(scope, provider)
    return [flight for flight in scope._flights.values() if flight is not None]


def _give_up(scope: "OpenScope") -> None:
    for flight in _under_way(scope):
        if flight.owner is not None:
            flight.owner.give_up()


async def _wait_for_flights(scope: "OpenScope") -> None:
    while flights := _under_way(scope):
        await flights[0].ended()


@contextmanager
def _guarded(scope: "OpenScope") -> Generator[CancelScope | None]:
    """The guard for the releases, left at the end; only in the task that has entered it.

    That of another one may have ended meanwhile: the task of a fixture, say.
    """
    is_here = (scope._opener or scope._task) is loops.current_task()
    guard = scope._guard if is_here else None
    is_shared = guard is not None and scope.parent is not None and scope.parent._guard is guard
    guard = guard or guards.enter_late(scope._level)
    try:
        yield guard
    finally:
        if guard is not None and is_shared:
            guard.shield = False
        elif guard is not None:
            guards.leave(guard)


def still_there(scope: "OpenScope", provider: Provider | None) -> Any:
    """What a release may still ask for: an object whose own turn has not come yet.

    Raises:
        ScopeClosedError: It is not there, or it, or what it needs, has been released.
    """
    around = {each.name: each for each in scope.outwards()}
    home = around.get(provider.scope) if provider is not None else None
    is_over = any(each._state is State.CLOSED for each in around.values())
    if provider is None or home is None or is_over:
        raise scope.closed_error(str(provider.key) if provider else "anything")
    value = getattr(home, scope._engine.slots[provider])
    needed = scope._engine.graph.needed([provider])
    if value is MISSING or any(_has_left(around.get(p.scope, home), p) for p in needed):
        raise scope.closed_error(str(provider.key))
    return value


def _has_left(scope: "OpenScope", provider: Provider) -> bool:
    """Whether the turn of *provider* has come, in a scope that is closing."""
    if scope._state is State.OPEN or not provider.kind.has_release:
        return False
    return all(to_go is not provider for to_go, _ in scope._exits)
