"""Measures one workload on one event loop, a round for each line that it reads.

`python -m benchmarks.request_path.worker asyncio 0` says first where its lifescope is. Each line
of its input is a number of requests; it answers with the µs of processor time per request.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.request_path.workloads import WORKLOADS, App, Message, Pause, Workload

import lifescope

_Request = Callable[[], Coroutine[Any, Any, None]]
_Main = Callable[[], Coroutine[Any, Any, None]]

_FIRST: dict[str, Message] = {
    "http": {"type": "http.request", "body": b"", "more_body": False},
    "websocket": {"type": "websocket.connect"},
}


class _Event(Protocol):
    def set(self) -> None: ...
    def wait(self) -> Awaitable[object]: ...


@dataclass(frozen=True)
class _Loop:
    """An event loop.

    Attributes:
        run: Runs the whole.
        event: Makes an event.
        pause: Its `sleep(0)`.
        batch: Makes so many requests, one after the other, each in a task of its own.
        beside: Runs the first function in a task of its own while the second one runs.
    """

    run: Callable[[_Main], None]
    event: Callable[[], _Event]
    pause: Pause
    batch: Callable[[_Request, int], Awaitable[None]]
    beside: Callable[[_Main, _Main], Awaitable[None]]


def _asyncio(run: Callable[[Coroutine[Any, Any, None]], None]) -> _Loop:
    async def batch(request: _Request, count: int) -> None:
        for _ in range(count):
            await asyncio.create_task(request())

    async def beside(background: _Main, foreground: _Main) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(background())
            await foreground()

    return _Loop(lambda main: run(main()), asyncio.Event, lambda: asyncio.sleep(0), batch, beside)


def _uvloop() -> _Loop:
    import uvloop

    return _asyncio(uvloop.run)


def _trio() -> _Loop:
    import trio

    async def batch(request: _Request, count: int) -> None:
        for _ in range(count):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(request)

    async def beside(background: _Main, foreground: _Main) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(background)
            await foreground()

    return _Loop(trio.run, trio.Event, trio.lowlevel.checkpoint, batch, beside)


LOOPS: dict[str, Callable[[], _Loop]] = {
    "asyncio": lambda: _asyncio(asyncio.run),
    "uvloop": _uvloop,
    "trio": _trio,
}


@dataclass
class _Lifespan:
    """One lifespan of an app, as a server runs it: in a task of its own."""

    app: App
    ready: _Event
    stopping: _Event
    state: dict[str, Any] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    is_asked: bool = False

    async def run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        try:
            await self.app(scope, self._receive, self._send)
        finally:
            self.ready.set()

    async def start(self) -> None:
        """Wait for the start.

        Raises:
            RuntimeError: It failed.
        """
        await self.ready.wait()
        if [message["type"] for message in self.sent] != ["lifespan.startup.complete"]:
            raise RuntimeError(f"the app did not start: {self.sent}")

    async def _receive(self) -> Message:
        if not self.is_asked:
            self.is_asked = True
            return {"type": "lifespan.startup"}
        await self.stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self.ready.set()


def _scope(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }


def _requests(app: App, kind: str, state: dict[str, Any], send: Any) -> _Request:
    """What a server does for each request: a new scope, a copy of the state, a call."""
    given = _scope(kind)
    first = _FIRST[kind]

    async def receive() -> Message:
        return first

    def request() -> Coroutine[Any, Any, None]:
        scope = given.copy()
        scope["state"] = state.copy()
        return app(scope, receive, send)  # type: ignore[no-any-return]

    return request


async def _nothing() -> None:
    pass


async def _drop(message: Message) -> None:
    pass


class _Bench:
    """A workload on an event loop."""

    def __init__(self, loop: _Loop, workload: Workload) -> None:
        self._loop = loop
        self._kind = workload.kind
        self._inner, self._root = workload.make(loop.pause)
        self._lifespan = _Lifespan(self._root, loop.event(), loop.event())

    async def run(self) -> None:
        """Start the app, measure until the end of the input, stop the app."""
        await self._loop.beside(self._lifespan.run, self._measure)

    async def _measure(self) -> None:
        await self._lifespan.start()
        try:
            await self._check()
            for line in sys.stdin:
                _say(await self._round(int(line)))
        finally:
            self._lifespan.stopping.set()

    async def _check(self) -> None:
        """Check that the root sends what the app sends."""
        expected, found = await self._sent(self._inner), await self._sent(self._root)
        if not expected or expected != found:
            raise RuntimeError(f"the root sent {found} instead of {expected}")

    async def _sent(self, app: App) -> list[Message]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        await self._loop.batch(_requests(app, self._kind, self._lifespan.state, send), 1)
        return messages

    async def _round(self, count: int) -> dict[str, float]:
        state = self._lifespan.state
        variants = {
            "bare": _nothing,
            "inner": _requests(self._inner, self._kind, state, _drop),
            "root": _requests(self._root, self._kind, state, _drop),
        }
        return {name: await self._time(request, count) for name, request in variants.items()}

    async def _time(self, request: _Request, count: int) -> float:
        gc.collect()
        start = time.process_time()
        await self._loop.batch(request, count)
        return (time.process_time() - start) / count * 1e6


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what the arguments name."""
    loop, workload = LOOPS[sys.argv[1]](), WORKLOADS[int(sys.argv[2])]

    async def run() -> None:
        await _Bench(loop, workload).run()

    _say(lifescope.__file__)
    loop.run(run)


if __name__ == "__main__":
    main()
