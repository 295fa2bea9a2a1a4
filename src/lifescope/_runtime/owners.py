"""Owner tasks: a provider that is entered, kept and left in one task of its own (G5).

App-scoped context managers live in owners, whoever asks for them first; so do request-scoped
ones that are asked for from another task than the one that opened the request scope.
A flight is one acquisition that others may wait for (G1).
"""

import logging
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, current_time
from anyio.lowlevel import checkpoint_if_cancelled

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._runtime import binding, exits, loops
from lifescope._runtime.shield import Hold, stood_at
from lifescope._runtime.values import check_value

if TYPE_CHECKING:
    from lifescope._runtime.scope import OpenScope

__all__ = ["Flight", "Owner", "waiting_for"]

_logger = logging.getLogger("lifescope")


class Flight:
    """One acquisition under way: who waits for it, and how it ended."""

    def __init__(
        self, scope: "OpenScope", provider: Provider, owner: "Owner | None" = None
    ) -> None:
        self.scope = scope
        self.provider = provider
        self.owner = owner
        self.waits_for: Flight | None = None
        self.waiters = 0
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_void = False
        self.effects: Sequence[binding.Change] = ()
        self._ended = Event()

    def land(self, value: Any, effects: Sequence[binding.Change] = ()) -> None:
        """It is there: wake everyone who waits."""
        self.value = value
        self.effects = effects
        self._end()

    def fail(self, error: BaseException, *, void: bool = False) -> None:
        """It failed; *void* if it was only given up, so that those who wait try again."""
        self.is_void = void
        self.error = error
        self._end()

    def _end(self) -> None:
        self.owner = None  # no cycle: the value is to die by its reference count
        self._ended.set()

    async def wait(self) -> None:
        """Wait for the end. The last one who is cancelled while waiting gives up for all."""
        self.waiters += 1
        try:
            await self._ended.wait()
        finally:
            self.waiters -= 1
            if not self.waiters and not self._ended.is_set() and self.owner is not None:
                self.owner.give_up()

    async def ended(self) -> None:
        """Wait for the end without asking for the value."""
        await self._ended.wait()


@contextmanager
def waiting_for(flight: Flight, scope: "OpenScope") -> Generator[None]:
    """Note that the acquisition in which this runs, if any, waits for *flight*.

    Raises:
        AcquisitionLoopError: That one waits, maybe through others, for this one.
    """
    waiter: Flight | OpenScope | None = _acquiring.get(None)
    if not (isinstance(waiter, Flight) and waiter.owner and waiter.owner.runs_here()):
        in_place = scope.is_acquiring_here()
        waiter = scope if in_place else None
    if waiter is None:
        yield
        return
    circle = _circle_through(flight, waiter)
    if circle:
        raise errors.AcquisitionLoopError(providers=[str(f.provider) for f in circle])
    waiter.waits_for = flight
    try:
        yield
    finally:
        waiter.waits_for = None


def _circle_through(flight: Flight, waiter: "Flight | OpenScope") -> list[Flight]:
    """The flights from *flight* on that wait for *waiter*; none if they do not."""
    path: list[Flight] = []
    step: Flight | None = flight
    while step is not None and step not in path:
        path.append(step)
        if step is waiter or (step.owner is None and step.scope is waiter):
            return path
        step = step.scope.waits_for if step.owner is None else step.waits_for
    return []


_acquiring: ContextVar[Flight] = ContextVar("lifescope_acquiring")
"""The flight whose owner task this is; tasks that a provider starts inherit it."""


class Owner:
    """Runs one provider in a task of its own, from its start to its release.

    The task belongs to no task group, so nobody cancels it together with others. What can
    still interrupt it is a task group inside the provider whose child has crashed, and the
    end of the event loop itself. Either way it keeps to the order: the release runs when the
    scope says so, or when nobody is left who could.

    Args:
        scope: Where the object lives.
        key: Under which the scope lists the flight: the provider, if the object is kept.
        provider: What it runs.
        args: What is passed by position.
        kwargs: What is passed by name.
        base: The context from which it starts, and in which its effects are kept; by default
            a copy of the asker's, and nowhere.
    """

    def __init__(
        self,
        scope: "OpenScope",
        key: object,
        provider: Provider,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        base: Context | None,
    ) -> None:
        self.scope = scope
        self.base = base
        self.key = key
        self.provider = provider
        self.flight = Flight(scope, provider, self)
        self._args = args
        self._kwargs: Mapping[str, Any] = kwargs
        self.gave_up = False
        self._hold = Hold(exits.GRACE, is_cancelled=False)
        # Below all cancel scopes of the provider's own: the guard is cancelled to end an
        # acquisition, the shelter is shielded so that a release does not see that.
        self._guard = CancelScope()
        self._shelter = CancelScope()
        self._turn = Event()
        self._left = Event()
        self._outcome: BaseException | None = None
        self._failure: BaseException | None = None
        self._task: object = None
        self._spawned: object = None  # asyncio itself keeps only a weak reference to a task

    def start(self) -> None:
        """Begin the acquisition, in a context that the provider then changes and keeps."""
        context = binding.snapshot() if self.base is None else self.base.copy()
        self._spawned = loops.spawn(self._run, context)

    def runs_here(self) -> bool:
        """Whether the provider itself is asking."""
        return self._task is loops.current_task()

    def give_up(self) -> None:
        """Cancel the acquisition: nobody waits for it any more."""
        self.gave_up = True
        self._guard.cancel()

    async def leave_owner(self, outcome: BaseException | None) -> None:
        """Let the provider see *outcome* and release; what it raises comes out here."""
        self._outcome = outcome
        self._turn.set()
        try:
            await self._left.wait()
        except BaseException:  # the limit is over: end it there, too
            self._hold.cut()
            if loops.is_trio():
                self._shelter.cancel()
            with CancelScope(shield=True):
                await self._left.wait()
        if self._failure is not None:
            raise self._failure

    async def _run(self) -> None:
        self._task = loops.current_task()
        with self._guard, self._shelter:
            handle = await self._acquire()
            if handle is not None:
                await self._release(handle, await self._stay())
                self.flight.value = (
                    None  # owner and flight know each other: the end of both is late
                )
        self._left.set()

    async def _release(self, handle: Any, interruption: BaseException | None) -> None:
        outcome = interruption or self._outcome
        self._hold = Hold(
            exits.GRACE,
            is_cancelled=loops.is_cancellation(outcome),
            default=self.scope.stop_timeout,
        )
        self._shelter.shield = True
        self._failure = await exits.release_one(
            self.provider, handle, outcome, self._shelter, self._hold
        )
        if self._failure is self._outcome:
            self._failure = None

    async def _acquire(self) -> Any:
        """Enter the provider and tell those who wait; what has to be left, if anything."""
        binding.current.set(self.scope)
        _acquiring.set(self.flight)
        before = binding.snapshot()
        try:
            handle, value = await self._enter()
        except BaseException as error:
            self.scope.landing_failed(self, error)
            return None
        finally:
            self._args, self._kwargs = (), {}
        self.scope.landed(self, handle, value, binding.changes(before, binding.snapshot()))
        return handle

    async def _enter(self) -> tuple[Any, Any]:
        """Enter it within its limit, and see that it gives what it says."""
        limit = self.provider.start_timeout
        self._guard.deadline = math.inf if limit is None else current_time() + limit
        try:
            target = self.scope._engine.observers.target_of(self.provider)
            handle, value = await enter(self.provider, target, self._args, self._kwargs)
        except BaseException as error:
            if self._is_late():
                raise self._timeout(error) from error
            raise
        self._guard.deadline = math.inf
        try:
            await self._check(value)
        except BaseException as error:
            if handle is not None:
                await self._release(handle, error)
                exits.report([self._failure] if self._failure else [], error)
            raise
        return handle, value

    def _is_late(self) -> bool:
        return self._guard.cancel_called and not self.gave_up

    def _timeout(self, error: BaseException | None) -> errors.AcquisitionTimeoutError:
        return errors.AcquisitionTimeoutError(
            provider=self.provider.name,
            place=self.provider.place,
            scope=self.provider.scope,
            seconds=self.provider.start_timeout or 0.0,
            stood_at=stood_at(error) if error is not None else "a line that it has left since",
        )

    async def _check(self, value: object) -> None:
        """See that somebody still wants *value*, and that it is what the provider says it gives."""
        if self._is_late():
            raise self._timeout(None)
        if self.gave_up:  # too late to stop it, but nobody is to get what has been cancelled
            await checkpoint_if_cancelled()
        check_value(self.provider, value)

    async def _stay(self) -> BaseException | None:
        """Wait until it is this provider's turn to be released; what interrupted that."""
        try:
            await self._turn.wait()
        except BaseException as error:
            self.scope.crash(self.provider)
            while not self._turn.is_set() and not self.scope.is_abandoned:
                with CancelScope(shield=True):
                    await self._wait_on()
            return error
        return None

    async def _wait_on(self) -> None:
        try:
            await self._turn.wait()
        except BaseException:
            return


async def enter(
    provider: Provider,
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Any, Any]:
    """(what has to be left, the value); for what has no release the first is None."""
    kind = provider.kind
    made = target(*args, **kwargs)
    if kind is Kind.AWAIT:
        return None, await made
    if kind is Kind.ASYNC_MANAGER:
        return made, await made.__aenter__()
    if kind is Kind.MANAGER:
        return made, made.__enter__()
    try:
        return made, (next(made) if kind is Kind.GENERATOR else await made.__anext__())
    except (StopIteration, StopAsyncIteration):
        raise errors.NoYieldError.about(provider) from None
