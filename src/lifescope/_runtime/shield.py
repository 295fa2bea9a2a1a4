"""Releases that a cancellation cannot cut short, in the task that runs them (G3).

A release has to run in the task that entered the provider (G5), so it cannot be moved into a
task of its own that is shielded. On asyncio it is driven by hand instead: while it waits for
a future, the task waits for a stand-in. A cancellation hits the stand-in, and is held back
until the releases are through; or it is handed on, where it comes from within the release, from
a timeout or a task group there. A release that does not really wait costs one extra call.

(On trio, and below a cancel scope of anyio, cancellation is a state and not an event. There
an open scope has a guard, which is shielded when the scope closes: see `guards.py`.)
"""

import asyncio
import contextlib
import gc
import math
import re
import sys
import traceback
import types
from collections.abc import Coroutine, Generator, Iterator, Sequence
from typing import Any, Protocol, cast

from anyio import CancelScope, current_effective_deadline
from anyio.lowlevel import checkpoint_if_cancelled

from lifescope._model.names import Place
from lifescope._runtime import loops

__all__ = ["Hold", "finish", "held", "stood_at", "where_it_stands"]

_MACHINERY = re.compile(r"[/\\\\](asyncio|anyio|trio|outcome|lifescope)[/\\\\]|contextlib\.py$")

_AFTER_LIMIT = 1.0
"""Seconds that a release has for each further wait, once its limit is over."""


class Steps(Protocol):
    """A coroutine, or what is driven like one."""

    def send(self, value: Any, /) -> Any:
        """Go on to where it waits next."""

    def throw(self, error: Any, /) -> Any:
        """The same, with an error."""

    def close(self) -> None:
        """Nobody goes on with it."""


class Hold:
    """Cancellations that are held back while the releases of one scope run.

    Args:
        grace: Seconds that a release may go on for once the task has been cancelled; None for
            any time.
        guard: The cancel scope around the providers, where there is one.
        is_cancelled: Whether it has been cancelled already: the scope ends because of it.
        default: Seconds for each release whose provider has no limit of its own.

    Attributes:
        limit: Seconds for the release at hand, from its start; None for no limit but the grace.
        stood_at: Where that release stood when its time was over; None if it was not.
    """

    def __init__(
        self,
        grace: float | None,
        *,
        is_cancelled: bool,
        guard: CancelScope | None = None,
        default: float | None = None,
    ) -> None:
        self.default = default
        self.limit: float | None = None
        self.stood_at: str | None = None
        self.grace = grace
        self.guard = guard
        self.drive: _Drive | None = None
        self._is_cancelled = is_cancelled
        self._count = 0

    @property
    def seconds(self) -> float | None:
        """How long the release at hand may go on, as things are; None for any time."""
        if self.limit is not None:
            return self.limit
        return self.grace if self._is_cancelled else None

    def cut(self) -> None:
        """End the release that is under way, as if its limit were over."""
        if self.drive is not None:
            self.drive.on_due()

    def add(self) -> None:
        """Hold a cancellation back.

        If a cancel scope of anyio is behind it, anyio says it again, outside; and until then
        in every turn of the loop, unless there is a guard to keep that off. Else the task's
        count of cancellations is put back, too: a timeout inside the release takes what it
        has not caused itself for a reason not to raise TimeoutError.
        """
        self._is_cancelled = True
        if current_effective_deadline() == -math.inf:
            if self.guard is not None:
                self.guard.shield = True
            return
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        self._count += 1

    @property
    def has_held(self) -> bool:
        """Whether a cancellation is to go on when the releases are through."""
        return self._count > 0

    def let_go(self) -> bool:
        """Cancel the task as often as it was; False if it was not."""
        task = asyncio.current_task() if self._count else None
        if task is None:
            return False
        for _ in range(self._count):
            task.cancel()
        self._count = 0
        return True

    async def resume(self) -> BaseException | None:
        """Let them go on: the task is cancelled as often as it was. What that raises here."""
        if not self.let_go():
            return None
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            return error
        return None


@types.coroutine
def held(release: "Steps", hold: Hold) -> Generator[Any, Any, Any]:
    """Await *release* to its end, whatever cancels the task meanwhile.

    Args:
        release: What releases one provider.
        hold: Keeps the cancellations, and says how long this may take.

    Returns:
        What *release* returns.
    """
    hold.stood_at = None
    try:
        waiting = release.send(None)
    except StopIteration as ended:
        return ended.value
    hold.drive = _Drive(release, waiting, hold)
    try:
        return (yield from hold.drive.run())
    finally:
        hold.drive = None


async def finish(step: Coroutine[Any, Any, None]) -> BaseException | None:
    """Await *step* to its end, however long that takes and whatever cancels the task meanwhile.

    Returns:
        The cancellation, for the caller to raise.
    """
    hold = None if loops.is_trio() else Hold(None, is_cancelled=False)
    with CancelScope(shield=True):
        if hold is None:
            await step
        else:
            try:
                await held(step, hold)
            except BaseException:
                hold.let_go()
                raise
    try:
        await checkpoint_if_cancelled()
    except BaseException as error:
        return error
    return await hold.resume() if hold is not None else None


class _Drive:
    """A release that really waits, and is waited for step by step."""

    def __init__(self, release: "Steps", waiting: Any, hold: Hold) -> None:
        self._release = release
        self._waiting = waiting
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._stand_in: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_due = False

    def run(self) -> Generator[Any, Any, Any]:
        """Step by step, to the end of the release."""
        self._start_timer(self._hold.seconds)
        error: asyncio.CancelledError | None
        try:
            while True:
                if self._waiting is None:  # a bare yield: one turn of the loop
                    try:
                        error = yield None
                    except asyncio.CancelledError as cancelled:
                        error = cancelled
                else:
                    error = yield from self._wait(self._waiting)
                if error is not None:
                    error = self._cancelled(error)
                    if error is None and self._waiting is not None and not self._waiting.done():
                        continue
                if error is None:
                    self._waiting = self._release.send(None)
                else:
                    self._waiting = self._release.throw(error)
        except StopIteration as ended:
            return ended.value
        except GeneratorExit:  # the task's coroutine is closed, by the end of the program
            self._release.close()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _wait(self, waiting: Any) -> Generator[Any, Any, asyncio.CancelledError | None]:
        """Wait for what the release waits for, but not on it: the cancellation that arrives."""
        try:
            waiting._asyncio_future_blocking = False
            self._stand_in = self._loop.create_future()
            waiting.add_done_callback(self._wake)
            yield from self._stand_in.__await__()
        except asyncio.CancelledError as error:
            return error
        finally:
            waiting.remove_done_callback(self._wake)
            self._stand_in = None
        return None

    def _wake(self, _: object) -> None:
        if self._stand_in is not None and not self._stand_in.done():
            self._stand_in.set_result(None)

    def _cancelled(self, error: asyncio.CancelledError) -> asyncio.CancelledError | None:
        """What to throw into the release; None to go on waiting."""
        if self._is_due:
            self._is_due = False
            self._hold.stood_at = self._hold.stood_at or where_it_stands(self._release)
            self._start_timer(_AFTER_LIMIT)
        elif not _comes_from_within(self._release):
            self._hold.add()
            if self._timer is None:
                self._start_timer(self._hold.seconds)
            return None
        if self._waiting is not None and self._waiting.cancel(*error.args):
            return None  # asyncio's own way: it ends as cancelled, with the same message
        return error

    def _start_timer(self, seconds: float | None) -> None:
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self.on_due)

    def on_due(self) -> None:
        """The time is over: wake up and cancel the release."""
        self._is_due = True
        if self._stand_in is not None:
            self._stand_in.cancel()


def where_it_stands(release: Any) -> str:
    """`file:line in function()` of the innermost frame of users' code that is suspended."""
    frames: list[types.FrameType] = []
    for link in _links(release):
        for attribute in ("ag_frame", "cr_frame", "gi_frame"):
            frame = getattr(link, attribute, None)
            if frame is not None:
                frames.append(frame)
    return _spell_innermost([(frame.f_code, frame.f_lineno) for frame in frames])


def stood_at(error: BaseException) -> str:
    """The same for what a cancellation has ended, by its traceback."""
    entries = traceback.walk_tb(error.__traceback__)
    return _spell_innermost([(frame.f_code, line) for frame, line in entries])


def _spell_innermost(stack: Sequence[tuple[types.CodeType, int]]) -> str:
    """The last of *stack*, from the outside in, that is not machinery."""
    users = [entry for entry in stack if not _MACHINERY.search(entry[0].co_filename)]
    if not (users or stack):
        return "an unknown place"
    code, line = (users or stack)[-1]
    return f"{Place(code.co_filename, line)} in {code.co_name}()"


def _links(root: Any) -> Iterator[Any]:
    """*root* and what it awaits, from the outside in: generators and coroutines."""
    seen: set[int] = set()
    root = root if _is_link(root) else _driven_by(root)
    while root is not None and id(root) not in seen:
        seen.add(id(root))
        yield root
        following = None
        for attribute in ("ag_await", "cr_await", "gi_yieldfrom"):
            if hasattr(root, attribute):
                following = getattr(root, attribute)
                break
        root = following if following is None or _is_link(following) else _driven_by(following)


_STEPS = (
    "anext_awaitable",
    "async_generator_asend",
    "async_generator_athrow",
    "coroutine_wrapper",
    "Begun",  # ours, of `exits`
)


def _driven_by(awaitable: Any) -> Any:
    """The generator or coroutine behind an awaitable of the interpreter's own.

    `anext(generator, default)` holds a step of the generator, and that the generator. Of
    anything else, a future say, the referents lead everywhere, and are left alone.
    """
    while type(awaitable).__name__ in _STEPS:
        held_by = gc.get_referents(awaitable)
        behind = next((r for r in held_by if _is_link(r)), None)
        if behind is not None:
            return behind
        awaitable = next((r for r in held_by if type(r).__name__ in _STEPS), None)
    return None


def _is_link(candidate: Any) -> bool:
    return isinstance(
        candidate, types.CoroutineType | types.GeneratorType | types.AsyncGeneratorType
    )


_MANAGERS = (contextlib.AbstractContextManager, contextlib.AbstractAsyncContextManager)


def _comes_from_within(root: Any) -> bool:
    """Whether a timeout, cancel scope or task group inside the release has cancelled it.

    The blocks that a suspended frame is inside of are known to the frame alone: their exits
    lie on its stack. The garbage collector's view of the frame shows them. This runs only
    when a cancellation arrives in the middle of a release.
    """
    for link in _links(root):
        for owner in _blocks_of(link):
            if _has_cancelled(owner):
                return True
            if isinstance(owner, _MANAGERS):  # a generator behind it: anyio.fail_after, say
                behind: Any = getattr(cast("object", owner), "gen", None)
                if behind is not None and _comes_from_within(behind):
                    return True
    return False


def _blocks_of(link: Any) -> Iterator[Any]:
    """The context managers that a suspended frame is inside of, or is the exit of.

    Their exits lie on its stack; what merely lies in a variable is none of them. From 3.14 on
    an exit lies there in two parts, and the object is not to be told from a variable.
    """
    frame = getattr(link, "cr_frame", None)
    if frame is not None and frame.f_code.co_name in _EXITS:
        yield frame.f_locals.get("self")
    for referent in gc.get_referents(link):
        if getattr(referent, "__name__", "") in _EXITS:
            yield getattr(referent, "__self__", None)
        elif sys.version_info >= (3, 14) and any(hasattr(type(referent), n) for n in _EXITS):
            yield referent


_EXITS = ("__exit__", "__aexit__")


def _has_cancelled(owner: Any) -> bool:
    """Whether it has cancelled the task, and has not been left since (as far as it tells)."""
    if isinstance(owner, asyncio.Timeout):
        state = getattr(owner, "_state", None)
        return owner.expired() and getattr(state, "value", "expiring") == "expiring"
    if isinstance(owner, asyncio.TaskGroup):
        return bool(getattr(owner, "_parent_cancel_requested", False))
    scope = getattr(owner, "cancel_scope", owner)
    return getattr(scope, "cancel_called", False) is True
