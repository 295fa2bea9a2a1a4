"""`start_on_request=True`: the first request starts the app where no server does (G12)."""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from conftest import Hang
from integrations.driving import (
    LIMIT,
    Session,
    answering,
    get,
    http_scope,
    lifespan,
    open_sessions,
)
from lifescope import Container, current_scope, provider

LOOPS: list[Any] = [pytest.param(asyncio.new_event_loop, id="asyncio")]
if importlib.util.find_spec("uvloop") is not None:
    uvloop: Any = importlib.import_module("uvloop")
    LOOPS.append(pytest.param(uvloop.new_event_loop, id="uvloop"))

in_every_loop = pytest.mark.anyio


class Refused(Exception):
    pass


class Pool:
    pass


async def number() -> str:
    """The number of the session that lives as long as the app of the request."""
    return (await current_scope().get(Session)).read()


def on_request(*providers: Any, **settings: Any) -> Any:
    """A root that starts when the first request comes."""
    return Container(*providers).asgi(answering(number), start_on_request=True, **settings)


def slow(hang: Hang) -> Any:
    """A provider that is ready when somebody says so."""

    @provider(scope="app", eager=True)
    async def slow() -> int:
        await hang()
        return 1

    return slow


@in_every_loop
async def test_first_request_starts_and_others_find_it() -> None:
    """G12: Nothing happens before the first request; the next ones have the same app."""
    log: list[str] = []
    root = on_request(open_sessions(log, "app"))
    assert log == []
    assert [await get(root) for _ in range(3)] == ["session 1"] * 3
    assert await get(root, state={}) == "session 1"
    assert log == ["open 1"]
    assert len(root.startups) == 1


@in_every_loop
async def test_fifty_first_requests_start_once() -> None:
    """G1, G12: Requests that come while the app starts wait for that one start."""
    log: list[str] = []
    hang = Hang()
    root = on_request(open_sessions(log, "app"), slow(hang))
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await get(root))

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
            await hang.reached.wait()
            assert answers == []
            hang.go_on.set()
    assert answers == ["session 1"] * 50
    assert log == ["open 1"]


@in_every_loop
@pytest.mark.parametrize("others", [0, 5])
async def test_first_request_that_is_cancelled_does_not_take_the_start_with_it(
    others: int,
) -> None:
    """G1, G12: The start belongs to nobody: it goes on for whoever waits, or comes later."""
    log: list[str] = []
    hang = Hang()
    root = on_request(open_sessions(log, "app"), slow(hang))
    answers: list[str] = []
    cancelled = anyio.CancelScope()
    first_has_gone = anyio.Event()

    async def ask_first() -> None:
        with cancelled:
            await get(root)
        first_has_gone.set()

    async def ask() -> None:
        answers.append(await get(root))

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask_first)
            await hang.reached.wait()
            for _ in range(others):
                tasks.start_soon(ask)
            cancelled.cancel()
            await first_has_gone.wait()
            hang.go_on.set()
        assert await get(root) == "session 1"
    assert cancelled.cancelled_caught
    assert answers == ["session 1"] * others
    assert log == ["open 1"]


@in_every_loop
async def test_failing_start_is_everyones_error_and_is_tried_again() -> None:
    """G1, G7, G12: All who wait get the error, nothing is left; the next request tries anew."""
    log: list[str] = []
    hang = Hang()
    fails = iter([True, True, False])

    @provider(scope="app", eager=True)
    async def refuses(session: Session) -> int:
        await hang()
        if next(fails):
            raise Refused
        return 1

    root = on_request(open_sessions(log, "app"), refuses)
    errors: list[BaseException] = []

    async def ask() -> None:
        with pytest.raises(Refused) as caught:
            await get(root)
        errors.append(caught.value)

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(ask)
            await hang.reached.wait()
            await anyio.lowlevel.checkpoint()
            hang.go_on.set()
        assert len(errors) == 10
        assert len(set(map(id, errors))) == 1
        await ask()
        assert log == ["open 1", "roll back 1: Refused", "open 2", "roll back 2: Refused"]
        assert root.startups == ()
        assert await get(root) == "session 3"


@in_every_loop
async def test_crash_is_for_good() -> None:
    """G8, G12: An app that has crashed is not started again behind anybody's back: 503."""
    poison, heard = anyio.Event(), anyio.Event()
    log: list[str] = []

    @provider(scope="app", eager=True)
    async def worker() -> AsyncIterator[int]:
        async def fail() -> None:
            await poison.wait()
            raise Refused

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            yield 1
            tasks.cancel_scope.cancel()

    def on_crash(error: BaseException) -> None:
        heard.set()

    root = on_request(open_sessions(log, "app"), worker, on_crash=on_crash)
    with anyio.fail_after(LIMIT):
        assert await get(root) == "session 1"
        poison.set()
        await heard.wait()
        assert log == ["open 1", "roll back 1: CrashError"]
        assert await get(root) == "Service Unavailable"
        assert await get(root, state={}) == "Service Unavailable"
    assert log.count("open 2") == 0


@in_every_loop
async def test_websocket_and_other_types_start_it_too() -> None:
    """G12, J09: Whatever connection comes first starts the app."""
    types: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        types.append(scope["type"])

    for kind in ("websocket", "mqtt"):
        root = Container(open_sessions([], "app")).asgi(app, start_on_request=True)
        await root({**http_scope(), "type": kind}, None, None)
        assert len(root.startups) == 1
    assert types == ["websocket", "mqtt"]


@in_every_loop
async def test_lifespan_of_a_server_goes_first() -> None:
    """G12: Where a server runs the lifespan, no request starts another; late ones get 503."""
    log: list[str] = []
    root = on_request(open_sessions(log, "app"))
    async with lifespan(root) as running:
        state = dict(running.state)
        assert await get(root, state=state) == "session 1"
        assert await get(root) == "session 1"
        assert len(root.startups) == 1
    assert await get(root, state=state) == "Service Unavailable"
    assert log == ["open 1", "commit 1"]


@in_every_loop
async def test_lifespan_that_comes_and_goes_does_not_disturb_a_start() -> None:
    """G12: A lifespan that ends while a request starts the app does not make it start twice."""
    log: list[str] = []
    hang = Hang()
    hangs = iter([True, False, False])

    @provider(scope="app", eager=True)
    async def slow() -> int:
        if next(hangs):
            await hang()
        return 1

    root = on_request(slow, open_sessions(log, "app"))
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await get(root))

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await hang.reached.wait()
            async with lifespan(root):
                assert log == ["open 1"]
            tasks.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            hang.go_on.set()
    assert answers == ["session 2"] * 2
    assert log == ["open 1", "commit 1", "open 2"]


# --- the end of the event loop -------------------------------------------------------------


def ordered(log: list[str]) -> list[Any]:
    """A pool, and a worker with a task group on top of it, that note how they end."""

    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        try:
            yield Pool()
        finally:
            await anyio.lowlevel.cancel_shielded_checkpoint()
            log.append("pool closes")

    @provider(scope="app", eager=True)
    async def worker(pool: Pool) -> AsyncIterator[int]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            try:
                yield 1
            finally:
                log.append("worker closes")
                tasks.cancel_scope.cancel()

    return [pool, worker]


def test_end_of_the_run_releases_everything_in_order(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """G2, G3, G12: With httpx's transport, the end of `run()` is the end of the app."""
    log: list[str] = []
    root = on_request(*ordered(log), open_sessions([], "app"))

    async def main() -> None:
        transport = httpx2.ASGITransport(root)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            for _ in range(3):
                assert (await client.get("/")).text == "session 1"
        assert log == []

    anyio.run(main, backend=anyio_backend_name, backend_options=anyio_backend_options)
    assert log == ["worker closes", "pool closes"]
    assert root.startups == ()


def test_each_run_starts_again(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """G12: A root that has ended with its event loop starts anew in the next one."""
    log: list[str] = []
    root = on_request(open_sessions([], "app"), *ordered(log))

    async def main() -> list[str]:
        return [await get(root), await get(root)]

    for count in range(1, 6):
        answers = anyio.run(main, backend=anyio_backend_name, backend_options=anyio_backend_options)
        assert answers == [f"session {count}"] * 2
        assert log == ["worker closes", "pool closes"] * count
        assert root.startups == ()


def test_error_that_ends_the_run_releases_everything_too(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """G3: It does not matter how the program ends."""
    log: list[str] = []
    root = on_request(open_sessions([], "app"), *ordered(log))

    async def main() -> None:
        await get(root)
        raise Refused

    with pytest.raises(Refused):
        anyio.run(main, backend=anyio_backend_name, backend_options=anyio_backend_options)
    assert log == ["worker closes", "pool closes"]


@pytest.mark.parametrize("new_loop", LOOPS)
def test_loop_that_is_merely_closed_is_forgotten(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """G12: Nothing can be released then; but the next loop starts as if it were the first."""
    root = on_request(open_sessions([], "app"))
    for count in range(1, 4):
        loop = new_loop()
        assert loop.run_until_complete(get(root)) == f"session {count}"
        assert loop.run_until_complete(get(root)) == f"session {count}"
        assert len(root.startups) == 1
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # it would complain
        loop.close()
        assert root.startups == ()


# --- what the start sees -------------------------------------------------------------------


variable = ContextVar("variable", default="not set")


@in_every_loop
async def test_context_and_state_reach_requests() -> None:
    """G6: What the start sets is there; what the first request has set is nobody else's."""

    @provider(scope="app", eager=True)
    async def setting() -> float:
        started.set("by the start")
        return 1.0

    started: ContextVar[str] = ContextVar("started", default="not set")

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(f"{request.state.x} {started.get()}, {variable.get()}")

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[Any]:
        yield {"x": 1}

    app = Starlette(routes=[Route("/", endpoint)], lifespan=own)
    root = Container(setting).asgi(app, start_on_request=True)

    async def ask(value: str | None) -> None:
        if value is not None:
            variable.set(value)
        assert await get(root) == f"1 by the start, {value or 'not set'}"

    for value in ("first", "second", None):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, value)
    assert (variable.get(), started.get()) == ("not set", "not set")
