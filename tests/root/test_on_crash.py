"""G8, `on_crash=`: what is done about the process when an app has crashed."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from integrations.driving import Lifespan, Receive, Send, lifespan
from lifescope import Container
from root.serving import Broken, Crash, leaves, serving, settle

pytestmark = pytest.mark.anyio


ON_TRIO = pytest.mark.parametrize("anyio_backend", [pytest.param(("trio", {}), id="trio")])


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture
def crash(log: Any) -> Crash:
    return Crash(log)


async def app(scope: Any, receive: Receive, send: Send) -> None:
    assert scope["type"] != "lifespan"


class Handler:
    """What `signal.getsignal` gives; and what was done to the process."""

    def __init__(self, monkeypatch: Any, given: Any, *modules: str) -> None:
        self.sent: list[int] = []
        for name in ("granian", "gunicorn", "hypercorn"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        for name in modules:
            monkeypatch.setitem(sys.modules, name, SimpleNamespace())
        monkeypatch.setattr(signal, "getsignal", {signal.SIGTERM: given}.get)
        monkeypatch.setattr(os, "kill", self._kill)

    def _kill(self, process: int, number: int) -> None:
        assert process == os.getpid()
        self.sent.append(number)


class Uvicorn:
    """Looks like uvicorn's `Server`, of which a method is the handler."""

    def __init__(self) -> None:
        self.should_exit = False

    def handle_exit(self, number: int, frame: Any) -> None: ...


Uvicorn.__module__ = "uvicorn.server"


def handled(crash: Crash) -> Any:
    """A factory of which the task group crashes, and that deals with it."""

    async def factory() -> AsyncIterator[Any]:
        try:
            async with crash.group():
                yield app
        except* Broken:
            pass

    return factory


# --- "stop" ---------------------------------------------------------------------------------


def run_under_uvicorn(root: Any, crash: Crash) -> tuple[Any, list[str]]:
    """(The lifespan, what it has sent before the server says that it stops), by asyncio's `run`.

    Not in the loop of the tests, which does not outlive a `SystemExit`.
    """
    server = Lifespan(root)
    before: list[str] = []

    async def main() -> None:
        task = asyncio.create_task(server.run(with_state=True))
        await server.start()
        crash.now.set()
        await settle()
        before.extend(server.sent)
        server.say_stop()
        await asyncio.wait([task])
        await settle()

    asyncio.run(main())
    return server, before


def test_uvicorn_is_asked_to_stop_and_the_process_ends_with_an_error(crash, log, monkeypatch):
    """G8: Gracefully, and `lifespan.shutdown` is waited for; the exit code is not 0."""
    uvicorn = Uvicorn()
    handler = Handler(monkeypatch, uvicorn.handle_exit)

    async def root(scope: Any, receive: Receive, send: Send) -> None:
        async def noting(message: Any) -> None:
            log.append(f"{message['type']}, should_exit: {uvicorn.should_exit}")
            await send(message)

        await inner(scope, receive, noting)

    inner = Container(crash.provider).asgi(app)
    with pytest.raises(SystemExit) as caught:
        run_under_uvicorn(root, crash)
    assert caught.value.code == 1
    assert handler.sent == []
    assert log == [
        "lifespan.startup.complete, should_exit: False",
        "release worker",
        "lifespan.shutdown.failed, should_exit: True",
    ]


def test_crash_that_is_dealt_with_ends_uvicorn_with_0(crash, monkeypatch):
    """G8: A factory that handles the error stops the server all the same, in good order."""
    uvicorn = Uvicorn()
    handler = Handler(monkeypatch, uvicorn.handle_exit)
    root = Container().asgi(handled(crash))
    server, before = run_under_uvicorn(root, crash)
    assert uvicorn.should_exit
    assert handler.sent == []
    assert before == ["lifespan.startup.complete"]  # the server says when it stops
    assert server.sent[1:] == ["lifespan.shutdown.complete"]
    assert server.error is None


@pytest.mark.parametrize("module", ["granian", "gunicorn"])
async def test_server_with_a_handler_gets_a_signal(crash, log, monkeypatch, module):
    """G8: Once, and when everything has been released."""
    handler = Handler(monkeypatch, lambda number, frame: None, module)
    async with serving(Container(crash.provider).asgi(app)) as server:
        crash.now.set()
        await settle()
        assert log == ["release worker"]
        assert handler.sent == [signal.SIGTERM]
        assert server.lifespan.sent == ["lifespan.startup.complete"]
    assert handler.sent == [signal.SIGTERM]
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"
    assert leaves(server.lifespan.error) == [crash.error]


@pytest.mark.parametrize("module", ["granian", "gunicorn", "other"])
async def test_process_without_a_handler_gets_no_signal(crash, log, monkeypatch, caplog, module):
    """G8: It would die of it without unwinding. The app says so, and answers 503 until its end."""
    handler = Handler(monkeypatch, signal.SIG_DFL, module)
    async with serving(Container(crash.provider).asgi(app)) as server:
        crash.now.set()
        await settle()
        assert (await server.answer())[0] == "http.response.start 503"
    assert handler.sent == []
    assert any("503" in record.getMessage() for record in caplog.records)
    assert leaves(server.lifespan.error) == [crash.error]


async def test_handler_of_an_unknown_server_gets_no_signal(crash, monkeypatch):
    """G8: Whose handler it is, and what it does, nobody knows."""
    handler = Handler(monkeypatch, lambda number, frame: None)
    async with serving(Container(crash.provider).asgi(app)):
        crash.now.set()
        await settle()
    assert handler.sent == []


@ON_TRIO
async def test_hypercorn_on_trio_is_stopped_by_an_error(crash, monkeypatch):
    """G8: It does not wait to be told; what ends the lifespan ends the server."""
    handler = Handler(monkeypatch, lambda number, frame: None, "hypercorn")
    async with lifespan(Container(crash.provider).asgi(app)) as server:
        crash.now.set()
        await settle()
        assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
        assert leaves(server.error) == [crash.error]
    assert handler.sent == []


@ON_TRIO
async def test_hypercorn_on_trio_is_told_of_a_failure_if_the_crash_was_dealt_with(
    crash, monkeypatch
):
    """G8: There is no other way; the message says what it is for."""
    Handler(monkeypatch, lambda number, frame: None, "hypercorn")
    async with lifespan(Container().asgi(handled(crash))) as server:
        crash.now.set()
        await settle()
        assert server.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
        assert "stops the server" in server.messages[-1]["message"]
        assert server.error is None


async def test_failed_start_asks_nobody(crash, monkeypatch):
    """G7: The server is told that the start has failed, and knows what to do."""
    uvicorn = Uvicorn()
    handler = Handler(monkeypatch, uvicorn.handle_exit, "granian")

    async def factory() -> AsyncIterator[Any]:
        crash.now.set()
        await anyio.sleep_forever()
        yield app

    async with serving(Container(crash.provider).asgi(factory)) as server:
        pass
    assert server.lifespan.sent == ["lifespan.startup.failed"]
    assert not uvicorn.should_exit
    assert handler.sent == []


@pytest.mark.parametrize("crashes", [False, True])
async def test_ordinary_stop_asks_nobody(crash, monkeypatch, crashes):
    """G9: Also when something crashes after the server has said that it stops."""
    uvicorn = Uvicorn()
    handler = Handler(monkeypatch, uvicorn.handle_exit, "granian")

    async def factory() -> AsyncIterator[Any]:
        yield app
        if crashes:
            crash.now.set()
            await settle()

    async with serving(Container(crash.provider).asgi(factory)) as server:
        pass
    assert not uvicorn.should_exit
    assert handler.sent == []
    assert (server.lifespan.error is not None) is crashes


# --- a function -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
async def test_function_is_called_with_the_error(crash, log, is_async):
    """G8: After everything has been released, and instead of a stop."""
    got: list[BaseException] = []

    def note(error: BaseException) -> None:
        log.append("on_crash")
        got.append(error)

    async def note_later(error: BaseException) -> None:
        await anyio.lowlevel.checkpoint()
        note(error)

    root = Container(crash.provider).asgi(app, on_crash=note_later if is_async else note)
    async with serving(root) as server:
        crash.now.set()
        await settle()
        assert log == ["release worker", "on_crash"]
        assert server.lifespan.sent == ["lifespan.startup.complete"]
        assert (await server.answer())[0] == "http.response.start 503"
    assert log == ["release worker", "on_crash"]
    assert got == [server.lifespan.error]
    assert leaves(server.lifespan.error) == [crash.error]
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


@pytest.mark.parametrize("is_async", [False, True])
async def test_function_that_fails(crash, caplog, is_async):
    """G8: Its error is logged, and replaces nothing."""

    def fail(error: BaseException) -> None:
        raise RuntimeError("in on_crash")

    async def fail_later(error: BaseException) -> None:
        fail(error)

    root = Container(crash.provider).asgi(app, on_crash=fail_later if is_async else fail)
    async with serving(root) as server:
        crash.now.set()
        await settle()
        assert (await server.answer())[0] == "http.response.start 503"
    assert leaves(server.lifespan.error) == [crash.error]
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"
    [record] = [r for r in caplog.records if "on_crash" in r.getMessage()]
    assert record.levelno == logging.ERROR
    assert str(record.exc_info[1]) == "in on_crash"


async def test_function_that_takes_long_is_awaited(crash, log):
    """G8: The answer to a `lifespan.shutdown` that comes meanwhile waits for it."""
    go_on = anyio.Event()

    async def slow(error: BaseException) -> None:
        await go_on.wait()
        log.append("on_crash ends")

    async with serving(Container(crash.provider).asgi(app, on_crash=slow)) as server:
        crash.now.set()
        await settle()
        server.lifespan.say_stop()
        await settle()
        assert server.lifespan.sent == ["lifespan.startup.complete"]
        go_on.set()
    assert log == ["release worker", "on_crash ends"]
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


@pytest.mark.parametrize("how", ["function", None])
async def test_crash_that_is_dealt_with(crash, log, how):
    """G8: There is no error to call a function with; the app waits for its server."""
    on_crash = log.append if how else None
    async with serving(Container().asgi(handled(crash), on_crash=on_crash)) as server:
        crash.now.set()
        await settle()
        assert (await server.answer())[0] == "http.response.start 503"
        assert server.lifespan.sent == ["lifespan.startup.complete"]
    assert log == []
    assert server.lifespan.error is None
    assert server.lifespan.sent[-1] == "lifespan.shutdown.complete"


async def test_nothing_is_done(crash, log, monkeypatch):
    """G8: With None no server is asked; the app answers 503 until it is told to stop."""
    uvicorn = Uvicorn()
    handler = Handler(monkeypatch, uvicorn.handle_exit, "granian")
    async with serving(Container(crash.provider).asgi(app, on_crash=None)) as server:
        crash.now.set()
        await settle()
        for _ in range(3):
            assert (await server.answer())[0] == "http.response.start 503"
    assert not uvicorn.should_exit
    assert handler.sent == []
    assert leaves(server.lifespan.error) == [crash.error]
