"""G8: a task group of the factory, or of the app's own lifespan, fails around the requests."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from integrations import driving
from integrations.driving import Receive, Send, Session, open_sessions
from lifescope import Container, current_scope, provider
from root.serving import Broken, Crash, Server, leaves, on_trio, serving, settle

pytestmark = pytest.mark.anyio

REFUSED = ["http.response.start 503", "http.response.body"]


class Pool:
    """Lives as long as the app."""


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture(params=[False, True], ids=["anyio", "native"])
def crash(request: Any, log: Any) -> Crash:
    return Crash(log, native=request.param)


class Requests:
    """An app without a lifespan of its own, of which the requests wait until they are cancelled."""

    def __init__(self, log: list[str]) -> None:
        self.reached = anyio.Event()
        self._log = log

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] != "lifespan"
        await current_scope().get(Session)
        self.reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            self._log.append("request ends")


def container_of(log: list[str]) -> Container:
    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        try:
            yield Pool()
        finally:
            log.append("pool closes")

    return Container(pool, open_sessions([], "request"))


def in_factory(crash: Crash, app: Any, log: list[str], *, handle: bool = False) -> Any:
    """The task group is the factory's."""

    async def factory() -> AsyncIterator[Any]:
        try:
            async with crash.group():
                try:
                    yield app
                finally:
                    log.append("block ends")
        except* Broken:
            if not handle:
                raise

    return factory


def in_lifespan(crash: Crash, app: Any, log: list[str], *, handle: bool = False) -> Any:
    """It is that of the app's own lifespan."""

    @asynccontextmanager
    async def own_lifespan(_: Any) -> AsyncIterator[None]:
        try:
            async with crash.group():
                try:
                    yield
                finally:
                    log.append("block ends")
        except* Broken:
            if not handle:
                raise

    return Starlette(routes=[Mount("/", app)], lifespan=own_lifespan)


OWN = [in_factory, in_lifespan]


@pytest.mark.parametrize("own", OWN)
async def test_requests_end_before_the_block_is_left(own, crash, log):
    """G8: They are cancelled and waited for; then the block ends, then everything is released."""
    app = Requests(log)
    root = container_of(log).asgi(own(crash, app, log), crash_timeout=0, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        crash.now.set()
        await server.wait()
        await settle()
        assert log == ["request ends", "block ends", "pool closes"]
        assert await server.answer() == REFUSED
    assert request.sent == REFUSED
    assert request.error is None
    assert not request.is_cancelled


@pytest.mark.parametrize("own", OWN)
async def test_requests_have_their_time_before_the_block_is_left(own, crash, log):
    """G8: For so long the cancellation of the task group is held back; new ones are refused."""
    app = Requests(log)
    root = container_of(log).asgi(own(crash, app, log), crash_timeout=3600, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        crash.now.set()
        await settle()
        assert log == []
        assert await server.answer() == REFUSED
        request.cancel()
    assert log == ["request ends", "block ends", "pool closes"]


@pytest.mark.parametrize("own", OWN)
async def test_error_comes_out_and_is_told(own, crash, log, caplog):
    """G8: The original error, and not the cancellation by which the app was told."""
    caplog.set_level(logging.CRITICAL, "lifescope")
    root = container_of(log).asgi(own(crash, Requests(log), log), on_crash=None)
    async with serving(root) as server:
        crash.now.set()
        await settle()
    assert leaves(server.lifespan.error) == [crash.error]
    assert server.lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "Broken: in the background" in server.lifespan.messages[-1]["message"]
    [record] = caplog.records
    assert "has crashed" in record.getMessage()
    assert leaves(record.exc_info[1]) == [crash.error]


async def test_error_is_told_although_the_app_has_told_of_the_cancellation(crash, log):
    """G8: Starlette says `shutdown.failed` itself, when it is cancelled: that is not the reason."""
    root = container_of(log).asgi(in_factory(crash, Starlette(), log), on_crash=None)
    async with serving(root) as server:
        crash.now.set()
        await settle()
    assert server.lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "Broken: in the background" in server.lifespan.messages[-1]["message"]


@pytest.mark.parametrize("own", OWN)
async def test_crash_that_is_dealt_with_is_a_stop_in_good_order(own, crash, log, caplog):
    """G8: With `except*` there is no error; requests are seen off all the same."""
    app = Requests(log)
    root = container_of(log).asgi(own(crash, app, log, handle=True), crash_timeout=0, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        crash.now.set()
        await settle()
        assert log == ["request ends", "block ends", "pool closes"]
        assert await server.answer() == REFUSED
    assert request.sent == REFUSED
    assert server.lifespan.error is None
    assert server.lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("own", OWN)
async def test_crash_while_requests_have_their_time(own, crash, log):
    """G8, G9: After the server's shutdown it ends the wait, and is the error of the stop."""
    app = Requests(log)
    root = container_of(log).asgi(own(crash, app, log), drain_timeout=3600)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        server.lifespan.say_stop()
        await settle()
        assert log == []
        crash.now.set()
    assert log == ["request ends", "block ends", "pool closes"]
    assert request.sent == REFUSED
    assert leaves(server.lifespan.error) == [crash.error]
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


@pytest.mark.parametrize("own", OWN)
async def test_crash_while_it_starts(own, crash, log):
    """G7, G8: Nothing has been served; the start has failed with the error itself."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] != "lifespan"

    @asynccontextmanager
    async def hangs(_: Any) -> AsyncIterator[None]:
        crash.now.set()
        await anyio.sleep_forever()
        yield

    inner = Starlette(lifespan=hangs) if own is in_factory else app
    given = own(crash, inner, log)
    if own is in_lifespan:
        crash.now.set()
        context = given.router.lifespan_context

        @asynccontextmanager
        async def hangs_later(_: Any) -> AsyncIterator[Any]:
            async with context(_):
                await anyio.sleep_forever()
                yield

        given.router.lifespan_context = hangs_later
    async with serving(container_of(log).asgi(given)) as server:
        pass
    assert server.lifespan.sent == ["lifespan.startup.failed"]
    assert "Broken: in the background" in server.lifespan.messages[0]["message"]
    assert leaves(server.lifespan.error) == [crash.error]
    assert log[-1] == "pool closes"


# --- apps that do it in their own way -------------------------------------------------------


@pytest.mark.parametrize("how", ["raises", "tells"])
async def test_app_that_fails_without_having_waited(how, log):
    """G8: One that never asks for its end still has its requests seen off, before the factory."""
    now, app = anyio.Event(), Requests(log)

    async def own(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await now.wait()
        if how == "raises":
            raise Broken("this is why")
        await send({"type": "lifespan.shutdown.failed", "message": "this is why"})

    async def factory() -> AsyncIterator[Any]:
        try:
            yield own
        finally:
            log.append("block ends")

    root = container_of(log).asgi(factory, crash_timeout=0, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        now.set()
        await settle()
        assert await server.answer() == REFUSED
    assert log == ["request ends", "block ends", "pool closes"]
    assert request.sent == REFUSED
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"
    assert "this is why" in server.lifespan.messages[-1]["message"]
    assert "this is why" in str(server.lifespan.error)


async def test_app_that_receives_in_a_task_of_its_own(crash, log):
    """G8: Where the wait for the end is in a child task, that is where requests are seen off."""
    requests = Requests(log)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await requests(scope, receive, send)
            return
        await receive()
        async with crash.group(), anyio.create_task_group() as tasks:
            await send({"type": "lifespan.startup.complete"})
            tasks.start_soon(receive)

    root = container_of(log).asgi(app, crash_timeout=0, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await requests.reached.wait()
        crash.now.set()
    assert log == ["request ends", "pool closes"]
    assert request.sent == REFUSED
    assert leaves(server.lifespan.error) == [crash.error]


async def test_factory_and_provider_crash_together(crash, log, caplog):
    """G8, D06: The second crash does not hide the first, nor does it interrupt its clean-up."""
    other = Crash(log)
    app = Requests(log)
    container = Container(other.provider, open_sessions([], "request"))
    root = container.asgi(in_factory(crash, app, log), crash_timeout=0, on_crash=None)
    async with serving(root) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        crash.now.set()
        other.now.set()
        await settle()
        assert log == ["request ends", "block ends", "release worker"]
    assert request.sent == REFUSED
    assert leaves(server.lifespan.error) == [crash.error]
    assert "a release failed as well" in "".join(server.lifespan.error.__notes__)
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [leaves(error) for error in logged] == [[other.error], [crash.error]]


# --- the server's own cancellation ----------------------------------------------------------


@pytest.mark.parametrize("when", ["serving", "draining"])
async def test_server_that_cancels_the_lifespan(when, log):
    """G3, G9: Requests are ended first, everything is released, and the cancellation goes on."""
    app = Requests(log)
    outcome: list[str] = []
    root = container_of(log).asgi(app, crash_timeout=0, drain_timeout=3600)

    async with anyio.create_task_group() as tasks:
        lifespan = driving.Lifespan(root)
        cancel: list[Any] = []

        async def run() -> None:
            if on_trio():
                with anyio.CancelScope() as scope:
                    cancel.append(scope.cancel)
                    await lifespan.run(with_state=True)
                outcome.append(f"cancelled {scope.cancelled_caught}")
                return
            task = asyncio.create_task(lifespan.run(with_state=True))
            cancel.append(task.cancel)
            await asyncio.wait([task])
            outcome.append(f"cancelled {task.cancelled()}")

        tasks.start_soon(run)
        await lifespan.start()
        server = Server(root, tasks)
        server.lifespan = lifespan
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        if when == "draining":
            lifespan.say_stop()
            await settle()
        cancel[0]()
        await server.wait()
    assert log == ["request ends", "pool closes"]
    assert request.sent == REFUSED
    assert outcome == ["cancelled True"]
    assert lifespan.sent == ["lifespan.startup.complete"]


class Fatal(BaseException):
    """Not an Exception."""


async def test_base_exception_of_the_factory(log):
    """G3: What is no Exception goes through as itself, when everything has been released."""
    app = Requests(log)

    async def factory() -> AsyncIterator[Any]:
        yield app
        raise Fatal

    root = container_of(log).asgi(factory, drain_timeout=0)
    raised: list[BaseException] = []

    async def catching(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await root(scope, receive, send)
        except Fatal as error:
            raised.append(error)

    async with serving(catching) as server:
        request = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
    assert request.sent == REFUSED
    assert [type(error) for error in raised] == [Fatal]
    assert log == ["request ends", "pool closes"]
