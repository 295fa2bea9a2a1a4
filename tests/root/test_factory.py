"""`root.factory()`: the lifespan as a block, and what comes out of it (G7, G8, G12)."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
import sniffio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integrations.driving import LIMIT, Session, answering, get, lifespan, open_sessions
from lifescope import Container, current_scope, provider

pytestmark = pytest.mark.anyio

ON_TRIO = "trio"


class Refused(Exception):
    pass


class Pool:
    pass


class Cache:
    pass


async def number() -> str:
    """The number of the session that lives as long as the app of the request."""
    return (await current_scope().get(Session)).read()


def noting(log: Any, form: type, *, refuses: str = "") -> Any:
    """A provider that notes how it starts and ends, and may refuse either."""
    name = form.__name__.lower()

    async def acquire() -> AsyncIterator[Any]:
        if refuses == "start":
            raise Refused(name)
        log(f"{name} opens")
        try:
            yield form()
        except BaseException as error:
            log(f"{name} closes: {type(error).__name__}")
            raise
        else:
            log(f"{name} closes")
        finally:
            if refuses == "stop":
                raise Refused(name)

    return provider(acquire, scope="app", provides=form)


def hanging(log: Any) -> Any:
    """A provider whose start takes for ever; it notes when it is in the middle of that."""

    @provider(scope="app")
    async def hangs() -> AsyncIterator[int]:
        log("starting")
        await anyio.sleep_forever()
        yield 1

    return hangs


async def turns(count: int) -> None:
    """Let everyone else go on for so many turns of the event loop."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


# --- the start and the end -----------------------------------------------------------------


async def test_block_is_the_lifespan(log: Any) -> None:
    """G7: Everything has started when the block begins, and has ended after it, in order."""
    root = Container(noting(log, Pool), noting(log, Cache)).asgi(answering(number))
    async with root.factory():
        assert log.events == ["pool opens", "cache opens"]
        assert len(root.startups) == 1
    assert log.events[2:] == ["cache closes", "pool closes"]
    assert root.startups == ()


async def test_error_of_the_start_comes_out_as_itself(log: Any) -> None:
    """G7: What a provider raises leaves the entry of the block, when all has been released."""
    root = Container(noting(log, Pool), noting(log, Cache, refuses="start")).asgi(answering(number))
    with pytest.raises(Refused, match="cache") as caught:
        async with root.factory():
            log("inside")
    assert log.events == ["pool opens", "pool closes: Refused"]
    assert any("start-up of" in note for note in caught.value.__notes__)
    assert root.startups == ()


async def test_start_that_hangs_ends_when_the_block_is_cancelled(log: Any) -> None:
    """G7: Cancelling the entry of the block stops the start and releases what was there."""
    root = Container(noting(log, Pool), hanging(log)).asgi(answering(number))
    with anyio.fail_after(LIMIT), anyio.CancelScope() as cancelled:
        async with anyio.create_task_group() as tasks:

            async def enter() -> None:
                async with root.factory():
                    log("inside")

            tasks.start_soon(enter)
            while "starting" not in log.events:
                await anyio.lowlevel.checkpoint()
            cancelled.cancel()
    assert log.starting_with("pool") == ["pool opens", f"pool closes: {cancelled_error()}"]
    assert "inside" not in log.events
    assert root.startups == ()


def cancelled_error() -> str:
    return anyio.get_cancelled_exc_class().__name__


async def test_error_of_the_end_comes_out_as_itself(log: Any) -> None:
    """G3: What a release raises leaves the block; the other releases run."""
    root = Container(noting(log, Pool), noting(log, Cache, refuses="stop")).asgi(answering(number))
    with pytest.raises(Refused, match="cache"):
        async with root.factory():
            pass
    assert log.events[2:] == ["cache closes", "pool closes"]


@pytest.mark.parametrize("error", [Refused("mine"), KeyboardInterrupt(), SystemExit(4)], ids=repr)
async def test_error_of_the_block_goes_on_as_itself(log: Any, error: BaseException) -> None:
    """G3: The block's own error is its outcome; the app ends as after any other stop."""
    root = Container(noting(log, Pool)).asgi(answering(number))
    with pytest.raises(type(error)) as caught:
        async with root.factory():
            raise error
    assert caught.value is error
    assert log.events == ["pool opens", "pool closes"]


async def test_error_of_the_block_is_not_replaced_by_one_of_the_end(log: Any) -> None:
    """G3: Where the end fails as well, the block's own error has a note about it."""
    root = Container(noting(log, Pool, refuses="stop")).asgi(answering(number))
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with root.factory():
            raise error
    assert caught.value is error
    assert any("Refused: pool" in note for note in error.__notes__)


@pytest.mark.parametrize("when", ["start", "stop"])
async def test_error_that_leaves_a_cancelled_block_is_told_to_the_log(
    log: Any, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """G3: A release that fails while the block is cut short is not lost."""
    providers = [noting(log, Pool, refuses="stop"), *([hanging(log)] if when == "start" else [])]
    root = Container(*providers).asgi(answering(number))
    with anyio.fail_after(LIMIT), anyio.CancelScope() as cancelled:
        async with anyio.create_task_group() as tasks:

            async def enter() -> None:
                async with root.factory():
                    log("starting")
                    await anyio.sleep_forever()

            tasks.start_soon(enter)
            while "starting" not in log.events:
                await anyio.lowlevel.checkpoint()
            cancelled.cancel()
    assert cancelled.cancelled_caught
    assert len(log.starting_with("pool closes")) == 1
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [Refused]


async def test_start_that_fails_because_it_is_cancelled(
    log: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """G3: An error in the place of the cancellation goes to the log; the block is cancelled."""

    async def create_app() -> Any:
        try:
            log("starting")
            await anyio.sleep_forever()
        finally:
            raise Refused("instead")

    root = Container().asgi(create_app)
    with anyio.fail_after(LIMIT), anyio.CancelScope() as cancelled:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                while "starting" not in log.events:
                    await anyio.lowlevel.checkpoint()
                cancelled.cancel()

            tasks.start_soon(cancel)
            async with root.factory():
                log("inside")
    assert cancelled.cancelled_caught
    assert log.events == ["starting"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [Refused]


async def test_cancellation_during_the_end_cuts_it_short_and_goes_on(log: Any) -> None:
    """G3: Cancelled while the app stops, a block still releases everything, and is cancelled."""
    releasing = anyio.Event()

    @provider(scope="app")
    async def slow(pool: Pool) -> AsyncIterator[int]:
        yield 1
        releasing.set()
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            log("slow closes")

    root = Container(noting(log, Pool), slow).asgi(answering(number))
    with anyio.fail_after(LIMIT), anyio.CancelScope() as cancelled:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                await releasing.wait()
                cancelled.cancel()

            tasks.start_soon(cancel)
            async with root.factory():
                pass
    assert log.events[:2] == ["pool opens", "slow closes"]
    assert len(log.starting_with("pool closes")) == 1
    assert root.startups == ()


async def test_cancellation_at_every_turn_releases_everything(log: Any) -> None:
    """G3, G7: A cancellation at whatever moment of start, block and end leaves nothing behind."""
    providers = [noting(log, Pool), noting(log, Cache), open_sessions([], "app")]
    root = Container(*providers).asgi(answering(number))
    for count in range(80):

        async def block() -> None:
            async with root.factory() as app:
                await get(app)

        ended = await cancelled_after(count, block, native=count % 2 == 0)
        for name in ("pool", "cache"):
            assert log.count(f"{name} opens") == len(log.starting_with(f"{name} closes"))
        assert root.startups == ()
    assert ended  # by then the block is over before the cancellation comes


async def cancelled_after(turns_until: int, function: Any, *, native: bool) -> bool:
    """Whether *function* ends by itself, in a task that is cancelled after so many turns."""
    ended: list[bool] = []

    async def run() -> None:
        await function()
        ended.append(True)

    with anyio.fail_after(LIMIT):
        if native and sniffio.current_async_library() != ON_TRIO:
            task = asyncio.create_task(run())
            await turns(turns_until)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or ended
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                await turns(turns_until)
                tasks.cancel_scope.cancel()
    return bool(ended)


# --- how it is entered ---------------------------------------------------------------------


def test_block_can_be_made_before_any_event_loop_runs(
    log: Any, anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """G12: A server may call the factory when it loads the app, and enter it in its loop."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    block = root.factory()

    async def serve() -> str:
        async with block as app:
            return await get(app)

    options = {"backend": anyio_backend_name, "backend_options": anyio_backend_options}
    assert anyio.run(serve, **options) == "session 1"  # type: ignore[arg-type]


async def test_block_is_for_one_use() -> None:
    """G12: Entered again, it says so; another call gives another block."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    block = root.factory()
    async with block as app:
        assert await get(app) == "session 1"
        with pytest.raises(RuntimeError, match=r"call root.factory\(\) for another"):
            await block.__aenter__()
        assert await get(app) == "session 1"
    with pytest.raises(RuntimeError, match=r"call root.factory\(\) for another"):
        await block.__aenter__()
    async with root.factory() as app:
        assert await get(app) == "session 2"


async def test_block_that_is_left_in_another_task_than_it_was_entered_in(log: Any) -> None:
    """G5, G12: As pytest-asyncio's fixtures are. Providers with task groups do not mind."""
    if sniffio.current_async_library() == ON_TRIO:
        return  # there a block with a cancel scope belongs to its task, as everywhere on trio

    @provider(scope="app")
    async def group(pool: Pool) -> AsyncIterator[int]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            yield 1
            tasks.cancel_scope.cancel()

    root = Container(open_sessions([], "app"), noting(log, Pool), group).asgi(answering(number))
    block = root.factory()
    app = await asyncio.create_task(block.__aenter__())
    assert await asyncio.create_task(get(app)) == "session 1"
    assert not await asyncio.create_task(block.__aexit__(None, None, None))
    assert log.events == ["pool opens", "pool closes"]


# --- the app that it gives -----------------------------------------------------------------


async def test_app_serves_with_or_without_a_lifespan_of_its_server() -> None:
    """G12: The app needs no lifespan; a server that runs one, with state or not, may."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    async with root.factory() as app:
        assert await get(app) == "session 1"
        for with_state in (True, False):
            async with lifespan(app, with_state=with_state) as running:
                assert running.sent == ["lifespan.startup.complete"]
                assert await get(app, state=running.state) == "session 1"
            assert running.sent[1:] == ["lifespan.shutdown.complete"]
            assert running.error is None
        assert await get(app) == "session 1"


async def test_apps_of_two_blocks_stay_apart_also_after_the_end() -> None:
    """G12: Each app is of its block. After that it answers 503, and serves for no other one."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    async with root.factory() as first:
        async with root.factory() as second:
            assert [await get(first), await get(second)] == ["session 1", "session 2"]
        assert await get(second) == "Service Unavailable"
        async with lifespan(root) as running:  # its state is not that of the block
            assert await get(first, state=running.state) == "session 1"
    assert await get(first) == "Service Unavailable"


variable = ContextVar("variable", default="not set")


async def test_context_and_state_of_the_start_reach_requests() -> None:
    """G6: What providers set in the context, and what the app's own lifespan gives, is there."""

    @provider(scope="app", eager=True)
    async def setting() -> AsyncIterator[int]:
        token = variable.set("set")
        yield 1
        variable.reset(token)

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(f"{request.state.x} {variable.get()}")

    def own_lifespan(app: Any) -> Any:
        return _giving({"x": 1})

    app_factory = Starlette(routes=[Route("/", endpoint)], lifespan=own_lifespan)
    async with Container(setting).asgi(app_factory).factory() as app:
        assert await get(app) == "1 set"
        assert await get(app, state={"x": 2}) == "2 set"  # the server's own goes first
        assert variable.get() == "not set"
    assert variable.get() == "not set"


class _giving:
    """A context manager that gives a value."""

    def __init__(self, value: Any) -> None:
        self._value = value

    async def __aenter__(self) -> Any:
        return self._value

    async def __aexit__(self, *exc_info: object) -> None:
        pass
