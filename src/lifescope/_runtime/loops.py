"""The event loop below: which task runs, how to start one that stands on its own.

asyncio and trio are told apart here and nowhere else. Trio is asked first: in guest mode
`asyncio.get_running_loop()` succeeds inside trio code too.
"""

import asyncio
import contextlib
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context
from functools import partial
from typing import Any, cast

from anyio import CancelScope, Event, current_effective_deadline, sleep
from anyio.lowlevel import checkpoint_if_cancelled

__all__ = [
    "call_in",
    "cancel",
    "cancel_scope_around",
    "cancel_scopes",
    "current_task",
    "every",
    "exit_after_task",
    "is_being_cancelled",
    "is_cancellation",
    "is_closed",
    "is_done",
    "is_ending",
    "is_running",
    "is_trio",
    "level_cancellation_test",
    "loop_token",
    "run_in",
    "running_loop",
    "runs_here",
    "spawn",
    "take_back_cancel",
    "task_getter",
    "task_of",
    "without_cancellations",
]


def _trio() -> Any:
    """Trio's low level, if trio runs the current task."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel
    return None


def is_trio() -> bool:
    """Whether trio runs the current task."""
    return _trio() is not None


def current_task() -> object:
    """The task that runs, as an object to compare; an anonymous one outside of any loop."""
    if (trio := _trio()) is not None:
        return trio.current_task()
    try:
        return asyncio.current_task()
    except RuntimeError:
        return object()


running_loop = asyncio._get_running_loop
"""asyncio's event loop that runs in this thread; None where none does."""

_tasks: dict[object, object] | None = getattr(asyncio.tasks, "_current_tasks", None)

task_of = _tasks.get if _tasks is not None and sys.version_info < (3, 14) else None
"""The task that runs in a `running_loop`; None where that is not to be had more quickly than by
`current_task`: from Python 3.14 on asyncio does not use this table. In code of trio it gives None,
or what is no task of trio."""


def task_getter() -> Callable[[], object]:
    """`current_task`, for the event loop that runs here; it does not ask which one each time.

    Where another loop runs, it gives None, or a task that is not the one that runs.
    """
    trio = _trio()
    if trio is not None:
        return partial(_current_trio_task, trio.current_task)
    loop = asyncio.get_running_loop()
    return partial(task_of or asyncio.current_task, loop)


def _current_trio_task(current_task: Callable[[], object]) -> object:
    try:
        return current_task()
    except RuntimeError:  # trio does not run here
        return None


def loop_token() -> object | None:
    """What identifies the running event loop; None outside of any."""
    if (trio := _trio()) is not None:
        token: object = trio.current_trio_token()
        return token
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def runs_here(token: object | None) -> bool:
    """Whether the event loop of a `loop_token` runs here, where that is quickly told."""
    if "trio" in sys.modules:
        return False
    try:
        return asyncio.get_running_loop() is token
    except RuntimeError:
        return False


def is_closed(token: object | None) -> bool:
    """Whether the event loop of a `loop_token` was closed, as far as it tells (trio does not)."""
    return isinstance(token, asyncio.AbstractEventLoop) and token.is_closed()


def spawn(function: Callable[[], Awaitable[None]], context: Context) -> object:
    """Start a task that belongs to no task group, in *context*; keep what is returned.

    Whoever starts it waits for it: it is not cancelled with the task that started it. That is
    why it is not a child of a task group; a group would cancel all of its tasks at once.
    """
    if (trio := _trio()) is not None:
        return trio.spawn_system_task(function, context=context)
    return asyncio.get_running_loop().create_task(_run(function), context=context)


def call_in(token: Any, function: Callable[[], object]) -> None:
    """Have the event loop of a `loop_token` call *function* soon, from whichever thread."""
    soon = token.call_soon_threadsafe if hasattr(token, "call_soon") else token.run_sync_soon
    soon(function)


def is_running(token: Any) -> bool:
    """Whether the event loop of a `loop_token` runs, as far as it tells (trio does not)."""
    return not isinstance(token, asyncio.AbstractEventLoop) or token.is_running()


async def run_in(token: Any, function: Callable[[], Awaitable[None]]) -> None:
    """Await *function* in the event loop of a `loop_token`, from another one.

    Raises what it raises. A cancellation is raised when it has ended.
    """
    here, ended = loop_token(), Event()
    failures: list[BaseException] = []
    tasks: list[object] = []

    async def run() -> None:
        try:
            await function()
        except BaseException as error:
            failures.append(error)
        finally:
            call_in(here, ended.set)

    call_in(token, lambda: tasks.append(spawn(run, copy_context())))
    with CancelScope(shield=True):
        await ended.wait()
    if failures:
        raise failures[0]
    await checkpoint_if_cancelled()


def every(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    """Call *function* every so many *seconds*, until what is returned is called."""
    repeat = _repeat_on_trio if is_trio() else _repeat_on_asyncio
    return repeat(seconds, function)


def _repeat_on_asyncio(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def tick() -> None:
        pending.append(loop.call_later(seconds, tick))
        del pending[0]
        function()

    pending = [loop.call_later(seconds, tick)]
    return lambda: pending[0].cancel()


def _repeat_on_trio(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
    scope = CancelScope()

    async def ticks() -> None:
        with scope:
            while True:
                await sleep(seconds)
                function()

    _trio().spawn_system_task(ticks)
    return scope.cancel


async def _run(function: Callable[[], Awaitable[None]]) -> None:
    await function()


def is_done(task: object) -> bool:
    """Whether *task* has ended, as far as the event loop tells (trio does not)."""
    return isinstance(task, asyncio.Task) and task.done()


def is_ending(task: object) -> bool:
    """Whether *task* has ended or is being cancelled, as far as the event loop tells."""
    return isinstance(task, asyncio.Task) and (task.done() or task.cancelling() > 0)


def is_cancellation(error: BaseException | None) -> bool:
    """Whether *error* says that the task was cancelled, and nothing else."""
    if isinstance(error, asyncio.CancelledError):
        return True
    if isinstance(error, BaseExceptionGroup):  # a nursery of trio's own makes one of it
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_cancellation(inner) for inner in group.exceptions)
    trio = sys.modules.get("trio")
    return trio is not None and isinstance(error, trio.Cancelled)


def without_cancellations(error: BaseException | None) -> BaseException | None:
    """What *error* says besides that the task was cancelled."""
    if is_cancellation(error):
        return None
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        cancellations, others = group.split(is_cancellation)
        return group if cancellations is None else others
    return error


def cancel(task: object, guard: CancelScope | None) -> None:
    """Cancel *task*, if it still runs; on trio, where that is no act, what *guard* is around."""
    if is_trio():
        if guard is not None:
            guard.cancel()
    elif isinstance(task, asyncio.Task):
        task.cancel()


def exit_after_task(code: int) -> None:
    """End asyncio's event loop, and with it the process, when the current task has ended."""
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(lambda _: sys.exit(code))


async def take_back_cancel(task: object, error: BaseException | None) -> None:
    """Undo `cancel` for the current task, which may have ended with *error* because of it."""
    if is_trio() or task is not current_task() or not isinstance(task, asyncio.Task):
        return
    if not is_cancellation(error):  # it may not have arrived yet
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
    # Somebody else has cancelled it, too, and is to be heard. A cancel scope of anyio says it
    # again by itself, and takes it for its own only if it comes from there.
    if task.uncancel() and current_effective_deadline() != -math.inf:
        task.cancel()
        task.uncancel()


def is_being_cancelled() -> bool:
    """Whether somebody outside has cancelled the task that runs, or a scope that it is in."""
    if current_effective_deadline() == -math.inf:
        return True
    task = None if is_trio() else asyncio.current_task()
    return task is not None and task.cancelling() > 0


def level_cancellation_test() -> Callable[[Any], bool] | None:
    """What tells whether a cancellation of the task that runs may be a state, and not an event.

    It always is on trio; on asyncio below a cancel scope of anyio. None where `cancel_scopes`
    tells.
    """
    if is_trio():
        return lambda task: True
    if cancel_scopes() is None:
        return lambda task: cancel_scope_around(task) is not None
    return None


def cancel_scopes() -> Mapping[object, Any] | None:
    """The table that anyio has of asyncio's tasks, with their cancel scopes, by weak reference.

    None where it is not there: `cancel_scope_around` knows what to do then.
    """
    states = getattr(sys.modules.get("anyio._backends._asyncio"), "_task_states", None)
    table: dict[object, Any] | None = getattr(states, "data", None)
    return table


def cancel_scope_around(task: object) -> object | None:
    """The innermost cancel scope of anyio around *task*, the current one of asyncio.

    anyio has no public way to ask. Where its own table is not there any more the answer is
    some object, never the same one: as if there were one that is not known.
    """
    backend = sys.modules.get("anyio._backends._asyncio")
    if backend is None:
        return None
    try:
        state = backend._task_states.get(task)
        return None if state is None else cast("object", state.cancel_scope)
    except (AttributeError, TypeError):
        return object()
