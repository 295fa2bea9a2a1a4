"""What cases share: an event log, errors as values, and tasks that are cancelled on purpose."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.conformance.protocol import CannotExpressError, Peer

LIMIT = 4.0
"""Seconds a case may take. Nothing in any case waits for longer than a quarter of one."""


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self._events: list[str] = []

    def __call__(self, event: str) -> None:
        self._events.append(event)

    @property
    def events(self) -> list[str]:
        """A copy, which stays what it is when more happens."""
        return list(self._events)

    def clear(self) -> None:
        """Forget what has happened."""
        self._events.clear()

    def count(self, event: str) -> int:
        """How often *event* happened."""
        return self._events.count(event)

    def only(self, prefix: str) -> list[str]:
        """The events that begin with *prefix*, without it."""
        return [e.removeprefix(prefix) for e in self._events if e.startswith(prefix)]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    id: str
    shows: str
    run: Callable[[Peer, Log], Awaitable[None]]


ALL: list[Case] = []

Function = Callable[[Peer, Log], Awaitable[None]]


def case(function: Function) -> Function:
    """Add a row to the table: the docstring begins with its number, then says what it shows."""
    assert function.__doc__ is not None
    number, shows = function.__doc__.splitlines()[0].removesuffix(".").split(": ", 1)
    ALL.append(Case(number, shows, function))
    return function


class Broken(Exception):  # noqa: N818
    """What goes wrong in a case."""


async def caught(awaitable: Awaitable[Any]) -> BaseException | None:
    """What *awaitable* raises, or None."""
    try:
        await awaitable
    except CannotExpressError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except BaseException as error:
        return error
    return None


def built(build: Callable[[], Any]) -> BaseException | None:
    """What building a container raises, or None."""
    try:
        build()
    except CannotExpressError:
        raise
    except BaseException as error:
        return error
    return None


async def refuses(build: Callable[[], Any]) -> BaseException | None:
    """What building a container, or opening its app scope, raises."""
    error = built(build)
    if error is not None:
        return error

    async def enter() -> None:
        async with build():
            pass

    return await caught(enter())


def text_of(error: BaseException | None) -> str:
    """All that an error says: its message, notes, parts and causes."""
    return " ".join(f"{e} {' '.join(getattr(e, '__notes__', ()))}" for e in chain(error))


def names(error: BaseException | None, *forms: type) -> bool:
    """Whether an error says the name of each of the classes."""
    text = text_of(error)
    return all(re.search(rf"\b{form.__name__}\b", text) for form in forms)


def chain(error: BaseException | None) -> list[BaseException]:
    """All errors that can be reached from one: parts of groups, causes, contexts."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        each = todo.pop()
        if each is not None and each not in found:
            found.append(each)
            todo += [*getattr(each, "exceptions", ()), each.__cause__, each.__context__]
    return found


@contextmanager
def logged_errors() -> Iterator[list[BaseException]]:
    """The exceptions that are handed to `logging` in the block."""
    found: list[BaseException] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                found.extend(chain(record.exc_info[1]))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger().removeHandler(handler)


async def turns(count: int = 20) -> None:
    """Let everything else run as far as it can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def soon(event: asyncio.Event, task: "asyncio.Task[Any] | None" = None) -> None:
    """Wait for *event*; if the task that should set it ends first, with that one's error."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiter, *({task} if task else ())}, return_when="FIRST_COMPLETED")
        if not event.is_set():
            assert task is not None
            await task
            raise AssertionError("never got there")
    finally:
        waiter.cancel()


async def cancel(task: "asyncio.Task[Any]") -> BaseException | None:
    """Cancel *task* and wait for its end; what it ends with."""
    task.cancel()
    return await ended(task)


async def ended(task: "asyncio.Task[Any]") -> BaseException | None:
    """Wait for the end of *task*, and give what it ends with."""
    await asyncio.wait({task})
    if task.cancelled():
        return asyncio.CancelledError()
    error = task.exception()
    if isinstance(error, CannotExpressError):
        raise error
    return error


def start(coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """A task for *coroutine*."""
    return asyncio.create_task(coroutine)


async def all_of(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run them at once and wait for all; what each gives or raises."""
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    for each in results:
        if isinstance(each, CannotExpressError):
            raise each
    return results


async def all_done(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run them at once; what each gives. The first error is raised."""
    results = await all_of(*coroutines)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return results


async def stop(task: "asyncio.Task[Any]") -> None:
    """End a task that is of no further use."""
    task.cancel()
    with suppress(BaseException):
        await asyncio.wait({task})
