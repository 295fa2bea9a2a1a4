"""Host: a lifespan in a task of its own, for whoever does not speak the lifespan protocol.

The server's side of the protocol, played by us: for programs that open the root like a
context manager, and for servers that send no lifespan.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType

from anyio import CancelScope, Event

from lifescope._asgi.live import Live
from lifescope._asgi.protocol import AsgiApp, AsgiScope, Message, Receive, Send, run_already
from lifescope._runtime import binding, loops
from lifescope._runtime.exits import report
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.shield import finish

__all__ = ["Block", "Bound", "Host", "Protocol"]

Protocol = Callable[[AsgiScope, Receive, Send], Awaitable[None]]
"""Runs a lifespan."""

MakeProtocol = Callable[[Callable[[Live], None]], Protocol]
"""Makes it, given what is to be called when requests can be served."""


class Host:
    """One lifespan in a task of its own.

    Args:
        protocol: Makes what runs it.
        ended: Called when it ends although nobody has told it to.

    Attributes:
        live: What runs, once it does.
        error: What the lifespan has raised.
    """

    def __init__(self, protocol: MakeProtocol, ended: Callable[[], None] = lambda: None) -> None:
        self._protocol = protocol(self._ready)
        self._when_ended = ended
        self.live: Live | None = None
        self.error: BaseException | None = None
        self._is_asked = False
        self._scope = CancelScope()
        self._is_ready = Event()
        self._stop = Event()
        self._ended = Event()
        self._task: object = None  # asyncio itself keeps only a weak reference to a task

    def spawn(self) -> None:
        """Begin, in a task that is nobody's child."""
        self._task = loops.spawn(self._run, binding.snapshot())

    async def ready(self) -> Live:
        """Wait until requests can be served. Raises what the start raises."""
        await self._is_ready.wait()
        if self.live is None:
            raise self.error or RuntimeError("the lifespan ended before it had started")
        return self.live

    async def stop(self) -> None:
        """Tell it to stop, and wait for that; if cancelled meanwhile, it is cut short."""
        self._stop.set()
        try:
            await self._ended.wait()
        except BaseException:
            await self.abort()
            raise

    async def abort(self) -> None:
        """Cancel it, and wait until everything has been released."""
        self._scope.cancel()
        await finish(self._ended.wait())

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._ended.is_set()

    async def _run(self) -> None:
        try:
            with self._scope:
                asgi_scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
                await self._protocol(asgi_scope, self._receive, self._send)
        except BaseException as error:  # whoever waits is told; nobody awaits this task
            self.error = error
        self._ended.set()
        self._is_ready.set()
        if not self._stop.is_set():
            self._when_ended()

    def _ready(self, live: Live) -> None:
        self.live = live
        self._is_ready.set()

    async def _receive(self) -> Message:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        """Nothing is to be done: what fails is raised, too."""


class Bound:
    """An ASGI app that serves requests of one lifespan, which runs elsewhere.

    Attributes:
        live: The lifespan.
        state: What servers hand on to requests.
    """

    def __init__(self, root: AsgiApp, live: Live) -> None:
        self.live = live
        self.state = live.state
        self._root = root

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI 3). A server may run a lifespan, to no effect."""
        if scope["type"] == "lifespan":
            await run_already(receive, send)
            return
        self.live.hand_on_state(scope)
        await self._root(scope, receive, send)


class Block:
    """The lifespan as an async context manager, which gives an app to serve.

    If the lifespan ends by itself, by a crash, the block is cancelled, as a task group cancels
    the block that it is around, and what the lifespan raises comes out.

    It can be made before an event loop runs, and entered once.
    """

    def __init__(self, root: AsgiApp, protocol: MakeProtocol) -> None:
        self._root = root
        self._protocol = protocol
        self._host: Host
        self._task: object = None
        self._guard: CancelScope | None = None
        self._is_interrupted = False

    async def __aenter__(self) -> Bound:
        """Start; raises what the start raises, when everything has been released."""
        if hasattr(self, "_host"):
            raise RuntimeError("it has been entered before; call root.factory() for another one")
        self._host = Host(self._protocol, self._interrupt)
        self._host.spawn()
        try:
            live = await self._host.ready()
        except BaseException as error:
            await self._host.abort()
            report(self._failures(error), error)
            raise
        self._task = loops.current_task()
        self._guard = CancelScope().__enter__() if loops.is_trio() else None
        if self._host.has_ended:
            self._interrupt()
        return Bound(self._root, live)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Stop, as a server does; the block's own error goes on as itself."""
        outcome = error
        try:
            if not self._host.has_ended:
                await self._host.stop()
        except BaseException as cancelled:  # it has been cut short
            outcome = cancelled
        outcome = await self._without_interruption(outcome)
        failed = report(self._failures(outcome), outcome) or outcome
        if failed is not None and failed is not error:
            raise failed
        return failed is not error

    def _failures(self, outcome: BaseException | None) -> list[BaseException]:
        """What the lifespan has raised, unless it is *outcome* itself."""
        error = self._host.error
        return [] if error is None or error is outcome else [error]

    def _interrupt(self) -> None:
        if self._task is not None:
            self._is_interrupted = True
            loops.cancel(self._task, self._guard)

    async def _without_interruption(self, outcome: BaseException | None) -> BaseException | None:
        """What is left of *outcome* when our own cancellation has been taken out of it."""
        if self._guard is not None:
            return _left_by(self._guard, outcome)
        # In another task than the one that has entered, a cancellation is somebody else's.
        if not self._is_interrupted or self._task is not loops.current_task():
            return outcome
        await loops.take_back_cancel(self._task, outcome)
        return None if is_cancellation(outcome) else outcome


def _left_by(guard: CancelScope, outcome: BaseException | None) -> BaseException | None:
    """Leave *guard* with *outcome*; what it does not catch, maybe a part of a group."""
    try:
        is_caught = guard.__exit__(type(outcome) if outcome else None, outcome, None)
    except BaseException as rest:
        return rest
    return None if is_caught else outcome
