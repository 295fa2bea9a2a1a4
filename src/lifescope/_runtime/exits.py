"""Releases: each provider is left in turn, and told how its scope ended.

Strictly in reverse, one at a time, every one (G2, G3); the outcome is thrown in at the
`yield` (G4); errors are collected, none is lost.
"""

import inspect
import logging
import math
from collections.abc import Coroutine
from types import AsyncGeneratorType, GeneratorType
from typing import Any, cast

from anyio import CancelScope, current_effective_deadline, current_time

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._runtime import loops
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.shield import Hold, held, stood_at

__all__ = [
    "GRACE",
    "Exit",
    "leave",
    "leave_sync",
    "release_all",
    "release_at_once",
    "release_one",
    "report",
]

GRACE = 10.0
"""Seconds that a release may go on for once its task has been cancelled."""

Exit = tuple[Provider, Any]
"""A provider, and what to leave: a generator, maybe one that has begun to end, a context
manager, or its owner; where somebody listens, what tells of that."""

_logger = logging.getLogger("lifescope")
_END = object()


def release_at_once(exits: list[Exit]) -> bool:
    """Leave generators, last in first out, as long as none has to wait, and none fails.

    Most releases do not wait, and what does not wait cannot be cancelled: no shield is needed,
    and no coroutine. For a scope that has ended well; not on trio, nor where there is a guard.

    Returns:
        Whether nothing is left. What has begun is the last of *exits* otherwise.
    """
    # Every request with a release goes through here. `next()` with a default costs less than the
    # exception by which a generator says that it has ended.
    while exits:
        provider, handle = exits.pop()
        kind = handle.__class__
        step: Any = None
        try:
            if kind is AsyncGeneratorType:
                step = anext(handle, _END)
                waits_for = next(step, _END)
                if waits_for is not _END:
                    begun = Begun(handle, step, waits_for=waits_for)
                elif handle.ag_frame is None:
                    continue
                else:
                    begun = Begun(handle, None, error=StopIteration())  # it has yielded again
            elif kind is GeneratorType:
                if next(handle, _END) is _END:
                    continue
                begun = Begun(handle, None, error=StopIteration())
            else:
                begun = handle
        except BaseException as error:
            begun = Begun(handle, step, error=error)
        exits.append((provider, begun))
        return False
    return True


class Begun:
    """A generator that has gone on behind its `yield`, and waits or has failed.

    Driven to its end, it gives what `anext(generator, _END)` would have given.

    Attributes:
        generator: It.
    """

    # In `shield` its name stands among those of the interpreter's own steps.

    __slots__ = ("_error", "_has_waited", "_step", "_waits_for", "generator")

    def __init__(
        self, generator: Any, step: Any, waits_for: Any = None, error: BaseException | None = None
    ) -> None:
        self.generator = generator
        self._step = step
        self._waits_for = waits_for
        self._error = error
        self._has_waited = False

    def send(self, value: Any) -> Any:
        """Go on; or first, hand on what it waits for, or how it has ended."""
        if self._has_waited:
            return self._step.send(value)
        self._has_waited = True
        if self._error is None:
            return self._waits_for
        error, self._error = self._error, None
        try:
            raise error
        finally:
            del error  # no cycle through this frame

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        self._has_waited = True
        return self._step.throw(*error)

    def close(self) -> None:
        """Nobody goes on with it."""
        if self._step is not None:
            self._step.close()


async def release_all(
    exits: list[Exit], outcome: BaseException | None, guard: CancelScope | None
) -> list[BaseException]:
    """Leave everything in *exits*, last in first out; the errors, in that order.

    A cancellation that arrives meanwhile is held back to the end, and is the last error.

    Args:
        exits: Emptied.
        outcome: Thrown into each provider.
        guard: Entered before the first provider, where cancellation is a state: on trio, and
            below a cancel scope of anyio.
    """
    is_quiet = outcome is None and guard is None and not loops.is_trio()
    if not exits or (is_quiet and release_at_once(exits)):
        return []
    failures: list[BaseException] = []
    hold = Hold(GRACE, is_cancelled=loops.is_cancellation(outcome), guard=guard)
    if guard is not None and (loops.is_trio() or current_effective_deadline() == -math.inf):
        guard.shield = True
    while exits:
        provider, handle = exits.pop()
        error = await release_one(provider, handle, outcome, guard, hold)
        if error is not None:
            failures.append(error)
        if is_quiet and release_at_once(exits):
            break
    if hold.has_held and (cancelled := await hold.resume()) is not None:
        failures.append(cancelled)
    return failures


async def release_one(
    provider: Provider,
    handle: Any,
    outcome: BaseException | None,
    guard: CancelScope | None,
    hold: Hold,
) -> BaseException | None:
    """Leave one provider, within its limit; the error with which that failed."""
    # An owner keeps to its limit, and to the grace if the scope ends by a cancellation. That
    # of whoever waits for it comes after; but a cancellation that arrives now is seen here only.
    is_owned = hasattr(handle, "leave_owner")
    limit = hold.default if provider.stop_timeout is None else provider.stop_timeout
    hold.limit = None if is_owned else limit
    hold.grace = GRACE
    if is_owned and (limit is not None or loops.is_cancellation(outcome)):
        hold.grace += limit or GRACE
    try:
        if type(handle) is Begun:  # no coroutine more than there are: each wait goes through all
            if await held(handle, hold) is not _END:
                await held(_refuse_second(provider, handle.generator), hold)
        elif loops.is_trio():
            await _leave_on_trio(leave(provider, handle, outcome), guard, hold)
        else:
            await held(leave(provider, handle, outcome), hold)
    except BaseException as error:
        if hold.stood_at is None:
            return _told(error, provider, outcome)
        return _timeout(provider, hold, error)
    return None if hold.stood_at is None else _timeout(provider, hold, None)


def _timeout(
    provider: Provider, hold: Hold, error: BaseException | None
) -> errors.ReleaseTimeoutError:
    timeout = errors.ReleaseTimeoutError(
        provider=provider.name,
        place=provider.place,
        scope=provider.scope,
        seconds=hold.seconds or GRACE,
        stood_at=hold.stood_at or "",
    )
    if not is_cancellation(error):  # it had something to say for itself
        timeout.__cause__ = error
    return timeout


def _told(
    error: BaseException, provider: Provider, outcome: BaseException | None
) -> BaseException | None:
    """*error* with a note about where it comes from; None if it is the outcome come back."""
    if outcome is not None and _is_same(error, outcome):
        return None
    if isinstance(error, Exception) and not isinstance(error, errors.LifescopeError):
        note = f"lifescope: while releasing {provider}, scope {provider.scope}"
        if note not in getattr(error, "__notes__", ()):  # an owner has said so
            error.add_note(note)
    return error


async def _leave_on_trio(
    release: Coroutine[Any, Any, None], guard: CancelScope | None, hold: Hold
) -> None:
    """Trio's cancel scopes know what is theirs; the guard lies below those of the provider.

    Behind the shield a cancellation cannot be seen, so the grace counts from the start of
    each release. Once the guard has had to cancel one, a new guard serves for each other.
    """
    hold.stood_at = None
    if guard is None or guard.cancel_called:
        with CancelScope(shield=True) as guard:
            await _leave_below(guard, release, hold)
    else:
        await _leave_below(guard, release, hold)


async def _leave_below(guard: CancelScope, release: Coroutine[Any, Any, None], hold: Hold) -> None:
    guard.deadline = current_time() + (hold.limit or hold.grace or math.inf)
    try:
        await release
        if guard.cancel_called:
            hold.stood_at = "a line that it has left since"
    except BaseException as error:
        if guard.cancel_called:
            hold.stood_at = stood_at(error)
        raise
    finally:
        guard.deadline = math.inf


async def leave(provider: Provider, handle: Any, outcome: BaseException | None) -> None:
    """Leave one provider; what it raises, other than *outcome*, comes out."""
    kind = provider.kind
    if hasattr(handle, "leave_owner"):
        await handle.leave_owner(outcome)
    elif hasattr(handle, "leave_observed"):
        await handle.leave_observed(outcome)
    elif kind is Kind.ASYNC_GENERATOR:
        await _end_async_generator(provider, handle, outcome)
    elif kind is Kind.ASYNC_MANAGER:
        await handle.__aexit__(*_told_as_three(outcome))
    else:
        leave_sync(provider, handle, outcome)


def leave_sync(provider: Provider, handle: Any, outcome: BaseException | None) -> None:
    """The same for a generator or a context manager that is not async."""
    if inspect.isgenerator(handle):
        _end_generator(provider, handle, outcome)
    else:
        handle.__exit__(*_told_as_three(outcome))


def _told_as_three(outcome: BaseException | None) -> tuple[Any, Any, Any]:
    """What a context manager is told; that it swallows this hides it from nobody else."""
    if outcome is None:
        return None, None, None
    return type(outcome), outcome, outcome.__traceback__


async def _end_async_generator(
    provider: Provider, generator: Any, outcome: BaseException | None
) -> None:
    if outcome is None:
        if await anext(generator, _END) is _END:
            return
    else:
        traceback = outcome.__traceback__
        try:
            await generator.athrow(outcome)
        except StopAsyncIteration:
            return
        except BaseException as error:
            if _is_same(error, outcome):
                return
            raise
        finally:
            outcome.__traceback__ = traceback
    await _refuse_second(provider, generator)


async def _refuse_second(provider: Provider, generator: Any) -> None:
    """It has yielded once more: that is an error, and it goes no further."""
    try:
        raise errors.SecondYieldError.about(provider)
    finally:
        if isinstance(generator, GeneratorType):
            generator.close()
        else:
            await generator.aclose()


def _end_generator(provider: Provider, generator: Any, outcome: BaseException | None) -> None:
    if outcome is None:
        if next(generator, _END) is _END:
            return
    else:
        traceback = outcome.__traceback__
        try:
            generator.throw(outcome)
        except StopIteration:
            return
        except BaseException as error:
            if _is_same(error, outcome):
                return
            raise
        finally:
            outcome.__traceback__ = traceback
    try:
        raise errors.SecondYieldError.about(provider)
    finally:
        generator.close()


def _is_same(error: BaseException, outcome: BaseException) -> bool:
    """The outcome came back, maybe changed on its way.

    PEP 479 makes a RuntimeError of a StopIteration, a task group wraps whatever is thrown in.
    """
    if error is outcome:
        return True
    if isinstance(error, BaseExceptionGroup):
        within = cast("BaseExceptionGroup[BaseException]", error)
        return all(_is_same(each, outcome) for each in within.exceptions)
    is_stop = isinstance(outcome, StopIteration | StopAsyncIteration)
    return is_stop and isinstance(error, RuntimeError) and error.__cause__ is outcome


def report(failures: list[BaseException], outcome: BaseException | None) -> BaseException | None:
    """The error to raise for failed releases; None where *outcome* is to go on as itself.

    One error is raised as itself, several as one ReleaseError. An error of the body is never
    replaced: it gets a note for each failed release. What is not an Exception (a
    cancellation, KeyboardInterrupt) goes before everything that is.
    """
    if not failures:
        return None
    urgent = [error for error in failures if not isinstance(error, Exception)]
    if outcome is not None and (not urgent or not isinstance(outcome, Exception)):
        for error in failures:
            _note(outcome, error)
        return None
    if urgent:
        first, others = urgent[0], [error for error in failures if error is not urgent[0]]
        for error in others:
            _note(first, error)
        return first
    if len(failures) == 1:
        return failures[0]
    plain = [error for error in failures if isinstance(error, Exception)]
    return errors.ReleaseError(f"{len(plain)} releases failed", plain)


def _note(carrier: BaseException, error: BaseException) -> None:
    """Say on *carrier* that a release failed too, and log the error with its traceback."""
    if is_cancellation(error):
        return
    told = error.describe(brief=True) if isinstance(error, errors.LifescopeError) else str(error)
    carrier.add_note(f"lifescope: a release failed as well: {type(error).__name__}: {told}")
    _logger.error("a release failed while another error was under way", exc_info=error)
