"""G8: a task in the task group of an app-scoped provider fails after start-up."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

from integrations.driving import Receive, Send, Session, http_scope, open_sessions
from lifescope import Container, CrashError, current_scope, provider
from root.serving import Crash, Exchange, Server, leaves, open_group, serving, settle

pytestmark = pytest.mark.anyio


class First:
    """Made before what crashes."""


class Last:
    """Made after it."""


class Requests:
    """An app of which the requests have a session, and wait until they are cancelled.

    `/begun` has sent the start of its response and a part of the body by then.
    """

    def __init__(self) -> None:
        self.reached = anyio.Event()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] != "lifespan"
        await current_scope().get(Session)
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        self.reached.set()
        await anyio.sleep_forever()


def witness(log: Any, form: type, needs: type = object) -> Any:
    """An eager provider that logs how its scope has ended for it."""

    async def watch(needed: needs) -> AsyncIterator[form]:
        try:
            yield form()
        except BaseException as error:
            log.append(f"{form.__name__} saw {type(error).__name__}")
            raise
        log.append(f"{form.__name__} saw nothing")

    return provider(watch, scope="app", eager=True)


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture(params=[False, True], ids=["anyio", "native"])
def crash(request: Any, log: Any) -> Crash:
    """Of a task group of anyio's, and of the event loop's own."""
    return Crash(log, native=request.param)


async def is_noticed(crash: Crash) -> None:
    """Have it crash, and wait until all that comes of it by itself has happened."""
    crash.now.set()
    await settle()


async def crashed(server: Server, crash: Crash, reached: anyio.Event) -> None:
    """Have it crash when a request has got so far, and wait for the end of all requests."""
    with anyio.fail_after(5):
        await reached.wait()
    crash.now.set()
    await server.wait()


async def test_request_without_a_response_gets_a_503(crash, log):
    """G8: A running request is cancelled, its providers see that, and the client is told."""
    app = Requests()
    container = Container(crash.provider, open_sessions(log, "request"))
    async with serving(container.asgi(app, crash_timeout=0, on_crash=None)) as server:
        request = server.get()
        await crashed(server, crash, app.reached)
    assert request.sent == ["http.response.start 503", "http.response.body"]
    assert request.error is None
    assert not request.is_cancelled
    assert log[0] == "open 1"
    assert log[1] in ("roll back 1: CancelledError", "roll back 1: Cancelled")
    assert log[2:] == ["release worker"]


async def test_response_that_has_begun_is_not_completed(crash, log):
    """G8: Nobody is to take half a body for a whole one; nothing more is sent."""
    app = Requests()
    container = Container(crash.provider, open_sessions(log, "request"))
    async with serving(container.asgi(app, crash_timeout=0, on_crash=None)) as server:
        request = server.get("/begun")
        await crashed(server, crash, app.reached)
    assert request.sent == ["http.response.start 200", "http.response.body"]
    assert request.messages[-1]["more_body"]
    assert request.error is None
    assert not request.is_cancelled
    assert log[1].startswith("roll back 1")


async def test_error_comes_out_and_is_told(crash, log, caplog):
    """G8: The original error leaves the lifespan; the server, and the log, are told."""
    caplog.set_level(logging.CRITICAL, "lifescope")
    async with serving(Container(crash.provider).asgi(Requests(), on_crash=None)) as server:
        await is_noticed(crash)
        assert server.lifespan.sent == ["lifespan.startup.complete"]
    assert leaves(server.lifespan.error) == [crash.error]
    assert server.lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "Broken: in the background" in server.lifespan.messages[-1]["message"]
    records = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "worker()" in records[0].getMessage()
    assert "has crashed" in records[-1].getMessage()
    assert records[-1].exc_info is not None
    assert leaves(records[-1].exc_info[1]) == [crash.error]


async def test_new_requests_are_refused_from_then_on(crash, log):
    """G8: Also while running ones have their time, and after everything has been released."""
    app = Requests()
    container = Container(crash.provider, open_sessions(log, "request"))
    async with serving(container.asgi(app, crash_timeout=60, on_crash=None)) as server:
        first = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        await is_noticed(crash)
        assert await server.answer() == ["http.response.start 503", "http.response.body"]
        assert "release worker" not in log
        first.cancel()
        await server.wait()
        await settle()
        assert log[-1] == "release worker"
        assert await server.answer() == ["http.response.start 503", "http.response.body"]
    assert "open 2" not in log


async def test_everything_is_released_in_reverse_after_the_last_request(log):
    """G8, G2: What was made later goes first; those made before see that something crashed."""
    crash, app = Crash(log, provides=Requests), Requests()
    container = Container(
        provider(lambda: object(), provides=object, scope="app"),
        witness(log, First),
        crash.provider,
        witness(log, Last, Requests),
        open_sessions(log, "request"),
    )
    async with serving(container.asgi(app, crash_timeout=0, on_crash=None)) as server:
        server.get()
        await crashed(server, crash, app.reached)
    assert log[1].startswith("roll back 1")
    assert log[2:] == ["Last saw CrashError", "release worker", "First saw CrashError"]


async def test_lifespan_and_factory_end_in_the_ordinary_way(crash, log):
    """G8: They are not cancelled, and may await at their end, before anything is released."""

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        yield
        await anyio.lowlevel.checkpoint()
        log.append("lifespan ends")

    async def factory() -> AsyncIterator[Any]:
        yield Starlette(lifespan=own_lifespan)
        await anyio.lowlevel.checkpoint()
        log.append("factory ends")

    async with serving(Container(crash.provider).asgi(factory, on_crash=None)) as server:
        await is_noticed(crash)
    assert leaves(server.lifespan.error) == [crash.error]
    assert log == ["lifespan ends", "factory ends", "release worker"]


async def test_crash_of_what_a_request_was_the_first_to_ask_for(log):
    """G8: Who asks first does not matter: the task group is the app's."""
    crash = Crash(log, provides=Worker)
    lazy = provider(crash.provider.target, scope="app", eager=False, provides=Worker)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await current_scope().get(Worker)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async with serving(Container(lazy).asgi(app, on_crash=None)) as server:
        assert (await server.answer())[0] == "http.response.start 200"
        await is_noticed(crash)
        assert (await server.answer())[0] == "http.response.start 503"
    assert leaves(server.lifespan.error) == [crash.error]


class Worker:
    pass


async def test_provider_that_swallows_its_crash(log):
    """G8, E13: The app ends all the same, and says which provider it was."""
    crash = Crash(log)

    @provider(scope="app", eager=True)
    async def silent() -> AsyncIterator[Worker]:
        with suppress(ExceptionGroup):
            async with crash.group():
                yield Worker()

    async with serving(Container(silent).asgi(Requests(), on_crash=None)) as server:
        await is_noticed(crash)
        assert (await server.answer())[0] == "http.response.start 503"
    assert isinstance(server.lifespan.error, CrashError)
    assert "silent()" in str(server.lifespan.error)
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


async def test_two_crashes(log):
    """G8, D06: Neither error is lost, and both groups are left."""
    one, two = Crash(log, provides=First), Crash(log, provides=Last, native=True)
    container = Container(one.provider, two.provider)
    async with serving(container.asgi(Requests(), on_crash=None)) as server:
        one.now.set()
        await is_noticed(two)
    assert set(leaves(server.lifespan.error)) == {one.error, two.error}
    assert log == ["release worker"] * 2


async def test_second_crash_while_the_first_is_dealt_with(log):
    """G8: It neither cancels requests once more, nor is it lost."""
    one, two, app = Crash(log, provides=First), Crash(log, provides=Last), Requests()
    container = Container(one.provider, two.provider, open_sessions(log, "request"))
    async with serving(container.asgi(app, crash_timeout=60, on_crash=None)) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        await is_noticed(one)
        await is_noticed(two)
        request.cancel()
    assert set(leaves(server.lifespan.error)) == {one.error, two.error}


async def test_root_starts_anew_after_a_crash(crash, log):
    """G8, G12: Another lifespan of the same root has objects of its own, and serves."""
    root = Container(crash.provider).asgi(Requests(), on_crash=None)
    async with serving(root):
        await is_noticed(crash)
    crash.reset()
    async with serving(root) as server:
        assert server.lifespan.sent == ["lifespan.startup.complete"]
    assert server.lifespan.error is None
    assert log == ["release worker"] * 2


# --- while it starts, and just after --------------------------------------------------------


async def test_crash_while_the_app_starts(crash, log):
    """G7, G8: The start has failed, with the error of the task; nothing was served."""

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        crash.now.set()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("start is interrupted")
        yield

    async with serving(Container(crash.provider).asgi(Starlette(lifespan=own_lifespan))) as server:
        pass
    assert server.lifespan.sent == ["lifespan.startup.failed"]
    assert "Broken: in the background" in server.lifespan.messages[0]["message"]
    error = server.lifespan.error
    assert leaves(error) == [crash.error]
    assert error.__cause__ is None
    assert log == ["start is interrupted", "release worker"]


@pytest.mark.parametrize("swallow", [False, True])
async def test_crash_while_a_factory_with_a_task_group_starts(crash, log, swallow):
    """G7, G8: Also where the cancellation comes out of a group, or the crash does not come out."""

    @provider(scope="app", eager=True)
    async def worker() -> AsyncIterator[Worker]:
        try:
            async with crash.group():
                yield Worker()
        except ExceptionGroup:
            if not swallow:
                raise

    async def factory(needed: Worker) -> AsyncIterator[Any]:
        async with open_group(native=True) as start:
            start(anyio.sleep_forever)
            crash.now.set()
            await anyio.sleep_forever()
            yield Starlette()

    async with serving(Container(worker).asgi(factory)) as server:
        pass
    assert server.lifespan.sent == ["lifespan.startup.failed"]
    if swallow:
        assert isinstance(server.lifespan.error, CrashError)
    else:
        assert leaves(server.lifespan.error) == [crash.error]


async def test_crash_at_the_last_moment_of_the_start(crash, log):
    """G7, G8: An app that does not notice has not started: no `startup.complete` any more."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        crash.now.set()
        with anyio.CancelScope(shield=True):
            await settle()
        await send({"type": "lifespan.startup.complete"})
        await receive()

    async with serving(Container(crash.provider).asgi(app)) as server:
        pass
    assert server.lifespan.sent == ["lifespan.startup.failed"]
    assert leaves(server.lifespan.error) == [crash.error]
    assert log == ["release worker"]


async def test_crash_before_the_app_waits_for_its_end(crash, log):
    """G8: Between `startup.complete` and the app's next `receive()`, where it is told to end.

    Requests are refused from the crash on.
    """

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await is_noticed(crash)
        request = Exchange(root, http_scope(state=scope["state"]), [])
        await request.run()
        log.append(request.sent[0])
        log.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    root = Container(crash.provider).asgi(app, on_crash=None)
    async with serving(root) as server:
        await settle()
        await settle()  # the first is used up by the app itself
        assert log == ["http.response.start 503", "lifespan.shutdown", "release worker"]
    assert server.lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert leaves(server.lifespan.error) == [crash.error]


async def test_crash_while_the_server_is_told_of_the_start(crash, log):
    """G8: The server's `send` of `startup.complete` may take its time."""

    async def slow(scope: Any, receive: Receive, send: Send) -> None:
        async def slow_send(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                await is_noticed(crash)

        await root(scope, receive, slow_send)

    root = Container(crash.provider).asgi(Requests(), on_crash=None)
    async with serving(slow) as server:
        await settle()
        assert (await server.answer())[0] == "http.response.start 503"
        assert log == ["release worker"]
    assert leaves(server.lifespan.error) == [crash.error]


async def test_crash_while_the_app_ends(crash, log):
    """G8, G9: After the server's shutdown it is an error of the stop, and nobody is interrupted."""

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        yield
        await is_noticed(crash)
        log.append("lifespan ends")

    root = Container(crash.provider).asgi(Starlette(lifespan=own_lifespan))
    async with serving(root) as server:
        pass
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"
    assert leaves(server.lifespan.error) == [crash.error]
    assert log == ["lifespan ends", "release worker"]
