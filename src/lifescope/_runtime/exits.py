"""Releases: each provider is left in turn, and told how its scope ended.

Strictly in reverse, one at a time, every one (G2, G3); the outcome is thrown in at the
`yield` (G4); errors are collected, none is lost.
"""

import logging
import math
from typing import Any

from anyio import CancelScope, current_effective_deadline, current_time

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._runtime.loops import is_cancellation

__all__ = ["GRACE", "Exit", "leave", "release_all", "report"]

GRACE = 10.0
"""Seconds that releases may take in a scope that ends by cancellation."""

Exit = tuple[Provider, Any]
"""A provider, and what to leave: a generator, a context manager, or its owner."""

_logger = logging.getLogger("lifescope")
_END = object()


async def release_all(exits: list[Exit], outcome: BaseException | None) -> list[BaseException]:
    """Leave everything in *exits*, last in first out; the errors, in that order.

    A task that is cancelled level-triggered (by an anyio or trio scope) could not await
    anything any more, so then each release runs shielded, with a limit of `GRACE` seconds.
    """
    failures: list[BaseException] = []
    shielded = bool(exits) and _cannot_await()
    while exits:
        provider, handle = exits.pop()
        error = await _attempt(provider, handle, outcome, shielded=shielded)
        if error is not None:
            failures.append(error)
            shielded = shielded or (is_cancellation(error) and _cannot_await())
    return failures


def _cannot_await() -> bool:
    return current_effective_deadline() == -math.inf


async def _attempt(
    provider: Provider, handle: Any, outcome: BaseException | None, *, shielded: bool
) -> BaseException | None:
    """Leave one provider; the error with which its release failed."""
    try:
        if not shielded:
            await leave(provider, handle, outcome)
            return None
        with CancelScope(shield=True, deadline=current_time() + GRACE) as guard:
            await leave(provider, handle, outcome)
    except BaseException as error:
        if error is outcome:
            return None
        if isinstance(error, Exception):
            error.add_note(f"lifescope: while releasing {provider}, scope {provider.scope}")
        return error
    if guard.cancelled_caught:
        _logger.error("%s was not released within %s seconds, and was cancelled", provider, GRACE)
    return None


async def leave(provider: Provider, handle: Any, outcome: BaseException | None) -> None:
    """Leave one provider; what it raises, other than *outcome*, comes out."""
    kind = provider.kind
    if hasattr(handle, "leave_owner"):
        await handle.leave_owner(outcome)
    elif kind is Kind.ASYNC_GENERATOR:
        await _end_async_generator(provider, handle, outcome)
    elif kind is Kind.GENERATOR:
        _end_generator(provider, handle, outcome)
    else:
        told = (
            (None, None, None)
            if outcome is None
            else (type(outcome), outcome, outcome.__traceback__)
        )
        left = handle.__exit__(*told) if kind is Kind.MANAGER else await handle.__aexit__(*told)
        del left  # a provider that swallows the outcome does not hide it from the others


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
    try:
        raise errors.SecondYieldError(provider=str(provider))
    finally:
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
        raise errors.SecondYieldError(provider=str(provider))
    finally:
        generator.close()


def _is_same(error: BaseException, outcome: BaseException) -> bool:
    """The outcome came back, maybe as the RuntimeError that PEP 479 makes of a StopIteration."""
    if error is outcome:
        return True
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
    carrier.add_note(f"lifescope: a release failed as well: {type(error).__name__}: {error}")
    _logger.error("a release failed while another error was under way", exc_info=error)
