"""G9, G3: how long a stop may take, and what happens to what takes longer; on virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette

from integrations import driving
from integrations.driving import Receive, Send, Session, open_sessions
from lifescope import (
    Background,
    Container,
    ReleaseError,
    ReleaseTimeoutError,
    current_scope,
    provider,
)
from root.serving import Broken, Crash, Server, serving, settle
from virtual_time import backends

pytestmark = pytest.mark.anyio

GRACE = 10
"""Seconds for which what has been cancelled is still waited for."""


@pytest.fixture(params=list(backends()))
def anyio_backend(request: Any) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def patience(monkeypatch: Any) -> None:
    """Time passes in no time; so the deadlines of the tests themselves may be far away."""
    monkeypatch.setattr(driving, "LIMIT", 100_000)


@pytest.fixture
def log() -> list[str]:
    """What happened, in order, and when."""
    return []


class Requests:
    """An app of which the requests do what it was given."""

    def __init__(self, then: Callable[[], Awaitable[None]]) -> None:
        self.reached = anyio.Event()
        self._then = then

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await current_scope().get(Session)
        self.reached.set()
        await self._then()


class Clock:
    """Notes in a log what happened, and how many seconds after it was started."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self._began = 0.0

    def start(self) -> None:
        self._began = anyio.current_time()

    def __call__(self, event: str) -> None:
        self._log.append(f"{event} {anyio.current_time() - self._began:g}")


@pytest.fixture
def note(log: Any) -> Clock:
    return Clock(log)


def open_pool(note: Clock) -> Any:
    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[dict[str, str]]:
        try:
            yield {}
        finally:
            note("pool closes")

    return pool


async def ignoring(event: anyio.Event) -> None:
    """Wait, whoever cancels that."""
    with anyio.CancelScope(shield=True):
        while not event.is_set():
            with suppress(asyncio.CancelledError):
                await event.wait()


async def begun(server: Server, app: Requests, note: Clock) -> Any:
    exchange = server.get()
    await app.reached.wait()
    note.start()
    return exchange


# --- requests -------------------------------------------------------------------------------


async def until_cancelled(note: Clock) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        note("cancelled after")


async def test_requests_have_so_long_to_finish(note, log):
    """G9: `drain_timeout` is what running requests have before they are cancelled."""
    app = Requests(lambda: until_cancelled(note))
    container = Container(open_pool(note), open_sessions([], "request"))
    async with serving(container.asgi(app, drain_timeout=7, crash_timeout=3)) as server:
        await begun(server, app, note)
    assert log == ["cancelled after 7", "pool closes 7"]


async def test_requests_have_so_long_to_finish_after_a_crash(note, log):
    """G8: `crash_timeout` is what they have then."""
    crash, app = Crash([]), Requests(lambda: until_cancelled(note))
    container = Container(open_pool(note), crash.provider, open_sessions([], "request"))
    root = container.asgi(app, drain_timeout=7, crash_timeout=3, on_crash=None)
    async with serving(root) as server:
        await begun(server, app, note)
        crash.now.set()
        await server.wait()
    assert log == ["cancelled after 3", "pool closes 3"]


@pytest.mark.parametrize("seconds", [0, 2])
async def test_wait_ends_with_the_last_request(note, log, seconds):
    """G9: Nobody waits for a limit that nobody needs."""
    app = Requests(lambda: anyio.sleep(seconds))
    container = Container(open_pool(note), open_sessions([], "request"))
    async with serving(container.asgi(app, drain_timeout=7)) as server:
        await begun(server, app, note)
        server.get()
    assert log == [f"pool closes {seconds}"]


async def test_request_that_ignores_its_cancellation_is_left_behind(note, log, caplog):
    """G9: After the grace the app ends without it, and the log names it; once."""
    go_on = anyio.Event()
    app, sessions = Requests(lambda: ignoring(go_on)), []
    container = Container(open_pool(note), open_sessions(sessions, "request"))
    async with serving(container.asgi(app, drain_timeout=7)) as server:
        exchange = server.get("/slow")
        await app.reached.wait()
        note.start()
        await server.lifespan.stop()
        go_on.set()
    assert log == [f"pool closes {7 + GRACE}"]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "GET /slow" in record.getMessage()
    assert server.lifespan.error is None
    assert server.lifespan.sent[-1] == "lifespan.shutdown.complete"
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert sessions[0] == "open 1"
    assert len(sessions) == 2  # released when it has ended at last


async def test_request_that_is_left_behind_after_a_crash(note, log, caplog):
    """G8: The same after a crash: it is not waited for twice."""
    go_on, crash = anyio.Event(), Crash(log)
    app = Requests(lambda: ignoring(go_on))
    container = Container(crash.provider, open_sessions([], "request"))
    async with serving(container.asgi(app, crash_timeout=3, on_crash=None)) as server:
        await begun(server, app, note)
        crash.now.set()
        await settle()
        await server.lifespan.stop()
        note("ended")
        go_on.set()
    assert log == ["release worker", f"ended {3 + GRACE}"]
    assert len([r for r in caplog.records if "still running" in r.getMessage()]) == 1


async def test_background_work_that_is_left_behind(note, log, caplog):
    """G9, H08: Background work has the same time, and is left behind just so."""
    go_on = anyio.Event()

    async def work() -> None:
        await ignoring(go_on)

    async def factory(background: Background) -> AsyncIterator[Any]:
        background.spawn(work)
        yield Starlette()

    async with serving(Container(open_pool(note)).asgi(factory, drain_timeout=7)) as server:
        note.start()
        await server.lifespan.stop()
        go_on.set()
        await settle()
    assert log == [f"pool closes {7 + GRACE}"]
    assert any("work()" in record.getMessage() for record in caplog.records)
    assert server.lifespan.error is None


async def test_crash_while_requests_have_their_time(note, log):
    """G8, G9: It ends the wait, once: a request is not cancelled again in its clean-up."""
    crash = Crash(log)

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(5)
            note("request ends")

    app = Requests(wait)
    container = Container(crash.provider, open_sessions([], "request"))
    async with serving(container.asgi(app, drain_timeout=3)) as server:
        exchange = await begun(server, app, note)
        server.lifespan.say_stop()
        await anyio.sleep(1)
        crash.now.set()
    assert exchange.sent[0] == "http.response.start 503"
    assert not exchange.is_cancelled
    assert log == ["request ends 6", "release worker"]
    assert isinstance(server.lifespan.error, ExceptionGroup)
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


async def test_release_of_a_request_that_hangs(note, log):
    """G3, G9: Its time is limited once the app wants to end, and then it is told."""

    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        try:
            await anyio.sleep_forever()
        finally:
            note("cut short")

    app = Requests(lambda: anyio.lowlevel.checkpoint())
    container = Container(open_pool(note), session)
    async with serving(container.asgi(app, drain_timeout=0)) as server:
        exchange = await begun(server, app, note)
        await settle()
    assert log == [f"cut short {GRACE}", f"pool closes {GRACE}"]
    assert exchange.ended.is_set()
    assert not exchange.is_cancelled


# --- the app, the factory, the providers ----------------------------------------------------


def hanging_lifespan(seconds: float, note: Clock) -> Any:
    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await hang(seconds, note)

    return Starlette(lifespan=own_lifespan)


def hanging_factory(seconds: float, note: Clock) -> Any:
    async def factory() -> AsyncIterator[Any]:
        try:
            yield Starlette()
        finally:
            await hang(seconds, note)

    return factory


async def hang(seconds: float, note: Clock) -> None:
    try:
        await anyio.sleep(seconds)
    except BaseException:
        note("cancelled after")
        raise
    note("done after")


HANGING = [hanging_lifespan, hanging_factory]


@pytest.mark.parametrize("hanging", HANGING)
async def test_end_of_the_app_that_hangs(hanging, note, log):
    """G3, G9: It is cancelled after `stop_timeout`, and told with the line where it stood."""
    container = Container(open_pool(note))
    async with serving(container.asgi(hanging(1000, note), stop_timeout=4)) as server:
        note.start()
    assert log == ["cancelled after 4", "pool closes 4"]
    assert isinstance(server.lifespan.error, ReleaseTimeoutError)
    assert server.lifespan.error.seconds == 4
    assert "test_stop_limits.py" in server.lifespan.error.stood_at
    assert "hang()" in server.lifespan.error.stood_at
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"
    assert "ReleaseTimeoutError" in server.lifespan.messages[-1]["message"]


@pytest.mark.parametrize("hanging", HANGING)
async def test_end_of_the_app_that_takes_its_time(hanging, note, log):
    """G9: The limit counts from the end of the last request, and not from the stop."""
    app = hanging(3, note)
    container = Container(open_pool(note))
    async with serving(container.asgi(app, stop_timeout=4)) as server:
        note.start()
    assert log == ["done after 3", "pool closes 3"]
    assert server.lifespan.error is None


@pytest.mark.parametrize("hanging", HANGING)
async def test_end_of_the_app_that_hangs_after_a_crash(hanging, note, log):
    """G8, G3: The crash comes out; what hangs is cut short all the same."""
    crash = Crash(log)
    container = Container(crash.provider)
    root = container.asgi(hanging(1000, note), stop_timeout=4, on_crash=None)
    async with serving(root) as server:
        note.start()
        crash.now.set()
        await anyio.sleep(100)
        assert log == ["cancelled after 4", "release worker"]
    assert isinstance(server.lifespan.error, ExceptionGroup)
    assert server.lifespan.error.exceptions == (crash.error,)
    assert server.lifespan.error.__cause__ is None
    assert "hang()" in "".join(server.lifespan.error.__notes__)


@pytest.mark.parametrize("native", [False, True], ids=["anyio", "native"])
async def test_end_of_a_factory_that_has_crashed_and_hangs(native, note, log):
    """G8, G3: One that deals with its crash has the same limit; also where nobody is told."""
    crash = Crash(log, native=native)

    async def factory() -> AsyncIterator[Any]:
        try:
            async with crash.group():
                yield Starlette()
        except* Broken:
            await hang(1000, note)

    root = Container(open_pool(note)).asgi(factory, stop_timeout=4, on_crash=None)
    async with serving(root) as server:
        note.start()
        crash.now.set()
        await anyio.sleep(100)
        assert log == ["cancelled after 4", "pool closes 4"]
    assert isinstance(server.lifespan.error, ReleaseTimeoutError)
    assert server.lifespan.sent[-1] == "lifespan.shutdown.failed"


async def test_release_that_hangs(note, log):
    """G3, G9: `stop_timeout` is each release's limit, unless its provider has one of its own."""

    def hanging(form: type, stop_timeout: float | None = None) -> Any:
        @provider(scope="app", eager=True, stop_timeout=stop_timeout)
        async def hangs() -> AsyncIterator[form]:
            yield form()
            await hang(1000, note)

        return hangs

    container = Container(open_pool(note), hanging(int), hanging(str, 2))
    async with serving(container.asgi(Starlette(), stop_timeout=4)) as server:
        note.start()
    assert log == ["cancelled after 2", "cancelled after 6", "pool closes 6"]
    assert isinstance(server.lifespan.error, ReleaseError)
    kinds = [type(error) for error in server.lifespan.error.exceptions]
    assert kinds == [ReleaseTimeoutError] * 2
    assert [error.seconds for error in server.lifespan.error.exceptions] == [2, 4]


async def test_whole_stop_has_a_bound(note, log):
    """G9: All that can hang does; the stop takes the sum of the limits, and no more."""
    go_on, app = anyio.Event(), Requests(lambda: ignoring(go_on))

    @asynccontextmanager
    async def factory() -> AsyncIterator[Any]:
        yield app
        await hang(1000, note)

    @provider(scope="app", eager=True)
    async def hangs() -> AsyncIterator[Broken]:
        try:
            yield Broken()
        finally:
            await hang(1000, note)

    container = Container(open_pool(note), hangs, open_sessions([], "request"))
    root = container.asgi(factory, drain_timeout=7, stop_timeout=4)
    async with serving(root) as server:
        await begun(server, app, note)
        await server.lifespan.stop()
        go_on.set()
    at = 7 + GRACE + 4
    assert log == [f"cancelled after {at}", f"cancelled after {at + 4}", f"pool closes {at + 4}"]
    error = server.lifespan.error
    assert isinstance(error, ReleaseTimeoutError)
    assert "the app of factory" in str(error)
    assert "hangs()" in "".join(error.__notes__)


async def test_release_fails_and_the_others_still_run(note, log):
    """G05, G10: Everything that fails is told; everything that can be released is."""

    @provider(scope="app", eager=True)
    async def fails() -> AsyncIterator[Broken]:
        try:
            yield Broken()
        finally:
            raise Broken("provider")

    async def factory() -> AsyncIterator[Any]:
        yield hanging_lifespan(1, note)
        note("factory ends")
        raise Broken("factory")

    async with serving(Container(open_pool(note), fails).asgi(factory)) as server:
        note.start()
    assert log == ["done after 1", "factory ends 1", "pool closes 1"]
    assert str(server.lifespan.error) == "factory"
    assert "provider" in "".join(server.lifespan.error.__notes__)
    assert "Broken: factory" in server.lifespan.messages[-1]["message"]
