"""What happens when a plan fails: those who wait are told, and the error says where it was."""

from typing import Any

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._plan.compile import Compiled
from lifescope._plan.steps import Mode
from lifescope._runtime.loops import is_cancellation

__all__ = ["describe_failure"]


def describe_failure(
    compiled: Compiled, flights: dict[object, Any], scope: str, error: BaseException
) -> None:
    """Called by generated code with what it caught, before it raises that again.

    The first entry of the traceback is the line of the generated function, which tells the
    step; so nothing has to be noted while things go well.

    Raises:
        NoYieldError: The error is a generator's own way to say that it has ended.
    """
    traceback = error.__traceback__
    line = traceback.tb_lineno if traceback is not None else 0
    step = compiled.step_at(line)
    if step is None:
        return
    provider = step.provider
    if step.hops == 0 and compiled.mode is not Mode.ELSEWHERE and line not in compiled.joins:
        _tell_waiters(flights, provider, error)
    if isinstance(error, StopIteration | StopAsyncIteration) and _is_generator(provider):
        raise errors.NoYieldError.about(provider) from None
    if step.hops == 0 and isinstance(error, Exception) and not _is_ours(error):
        note = f"lifescope: while acquiring {provider}, scope {scope}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def _tell_waiters(flights: dict[object, Any], provider: Provider, error: BaseException) -> None:
    """End the flight that the failed step had begun."""
    flight = flights.pop(provider, None)
    if flight is not None:  # a cancellation concerns the task that started, not those who wait
        flight.fail(error, void=is_cancellation(error) or isinstance(error, GeneratorExit))


def _is_generator(provider: Provider) -> bool:
    return provider.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, errors.LifescopeError)
