"""G12: a request finds its own lifespan: through the state, else the only one of its loop."""

import asyncio
import gc
import importlib
import importlib.util
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import pytest

from integrations.driving import (
    LIMIT,
    Lifespan,
    Message,
    Session,
    answering,
    get,
    http_scope,
    lifespan,
    open_sessions,
)
from lifescope import Container, LifespanNotRunError, WrongLoopError, current_scope, provider

NewLoop = Callable[[], asyncio.AbstractEventLoop]

in_every_loop = pytest.mark.anyio


async def number() -> str:
    """The number of the session that lives as long as the app of the request."""
    return (await current_scope().get(Session)).read()


def numbered(log: list[str]) -> Any:
    """A root of which each lifespan has a session with a number of its own."""
    return Container(open_sessions(log, "app")).asgi(answering(number))


async def websocket(root: Any, state: dict[str, Any]) -> list[Message]:
    """What a WebSocket is told."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await root({**http_scope(), "type": "websocket", "state": dict(state)}, receive, send)
    return sent


# --- with state, and without ---------------------------------------------------------------


@in_every_loop
async def test_requests_of_two_lifespans_at_the_same_time_stay_apart() -> None:
    """G12: Requests that overlap find their own of two lifespans in one loop by the state."""
    meeting = anyio.Event()
    entered: list[str] = []

    async def meet() -> str:
        before = await number()
        entered.append(before)
        if len(entered) == 20:
            meeting.set()
        await meeting.wait()
        assert await number() == before
        return before

    root = Container(open_sessions([], "app")).asgi(answering(meet))
    answers: dict[int, list[str]] = {0: [], 1: []}

    async def ask(which: int, state: dict[str, Any]) -> None:
        answers[which].append(await get(root, state=state))

    async with lifespan(root) as first, lifespan(root) as second:
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(ask, 0, first.state)
                    tasks.start_soon(ask, 1, second.state)
    assert answers == {0: ["session 1"] * 10, 1: ["session 2"] * 10}


@in_every_loop
async def test_error_about_two_lifespans_names_causes_and_ways_out() -> None:
    """G12: The error says how many run, who drops the state, and what of mounted roots."""
    root = numbered([])
    async with lifespan(root), lifespan(root):
        with pytest.raises(LifespanNotRunError) as caught:
            await get(root)
    text = str(caught.value)
    assert caught.value.running == 2
    for hint in ("2 lifespans of container.asgi(", 'pass asgi_scope["state"] on', "mounted"):
        assert hint in text


@in_every_loop
async def test_error_about_no_lifespan_names_causes_and_ways_out() -> None:
    """G12: The error names every way to a lifespan: server, client, outer app, first request."""
    with pytest.raises(LifespanNotRunError) as caught:
        await get(numbered([]))
    text = str(caught.value)
    for hint in ("--lifespan on", "with TestClient(app)", "lifespan=root.lifespan", "mounted"):
        assert hint in text
    assert "start_on_request=True" in text


@in_every_loop
async def test_lifespan_that_still_starts_is_not_found() -> None:
    """G12: Next to a ready lifespan, one that is starting is neither found nor in the way."""
    started = iter([False, True])
    starting, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def slow() -> int:
        if next(started):
            starting.set()
            await go_on.wait()
        return 1

    root = Container(open_sessions([], "app"), slow).asgi(answering(number))
    async with lifespan(root, with_state=False):
        second = Lifespan(root)
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await second.run(with_state=True)

            tasks.start_soon(run)
            with anyio.fail_after(LIMIT):
                await starting.wait()
            assert await get(root) == "session 1"
            assert len(root.startups) == 1
            go_on.set()
            await second.start()
            assert await get(root, state=second.state) == "session 2"
            await second.stop()
        assert await get(root) == "session 1"


@in_every_loop
async def test_request_while_its_lifespan_starts_is_the_error() -> None:
    """G12: A request that comes too early gets the error, not an app that is not there yet."""
    starting, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def slow() -> int:
        starting.set()
        await go_on.wait()
        return 1

    root = Container(open_sessions([], "app"), slow).asgi(answering(number))
    async with anyio.create_task_group() as tasks:
        running = Lifespan(root)

        async def run() -> None:
            await running.run(with_state=True)

        tasks.start_soon(run)
        with anyio.fail_after(LIMIT):
            await starting.wait()
        for state in (None, running.state):
            with pytest.raises(LifespanNotRunError):
                await get(root, state=state)
        go_on.set()
        await running.start()
        assert await get(root) == "session 1"
        await running.stop()


@in_every_loop
@pytest.mark.parametrize("with_state", [True, False])
async def test_request_while_its_lifespan_stops_gets_503(*, with_state: bool) -> None:
    """G9, G12: Until everything is released, a request finds its lifespan, which refuses it."""
    releasing, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def slow() -> AsyncIterator[int]:
        yield 1
        releasing.set()
        await go_on.wait()

    root = Container(open_sessions([], "app"), slow).asgi(answering(number))
    async with lifespan(root, with_state=with_state) as running, anyio.create_task_group() as tasks:
        state = dict(running.state) if with_state else None
        tasks.start_soon(running.stop)
        with anyio.fail_after(LIMIT):
            await releasing.wait()
            assert await get(root, state=state) == "Service Unavailable"
        go_on.set()


@in_every_loop
async def test_stale_state_finds_no_other_lifespan() -> None:
    """G12: State from before a restart leads to a 503, not to the lifespan that runs now."""
    root = numbered([])
    async with lifespan(root) as first:
        stale = dict(first.state)
    async with lifespan(root) as second:
        assert await get(root, state=stale) == "Service Unavailable"
        assert (await websocket(root, stale))[0]["code"] == 1013
        assert await get(root, state=second.state) == "session 2"
        assert await get(root) == "session 2"


@in_every_loop
async def test_other_lifespan_does_not_matter_to_a_request_with_state() -> None:
    """G12: A request goes on in its lifespan while another one of the root ends, or fails."""
    fails = iter([False, True])

    @provider(scope="app")
    async def config() -> int:
        if next(fails, False):
            raise ValueError
        return 1

    root = Container(open_sessions([], "app"), config).asgi(answering(number))
    async with lifespan(root) as first:
        async with lifespan(root) as second:
            assert isinstance(second.error, ValueError)
            assert await get(root) == await get(root, state=first.state) == "session 1"
        async with lifespan(root) as third:
            assert await get(root, state=third.state) == "session 3"
        assert await get(root) == await get(root, state=first.state) == "session 1"


# --- several event loops -------------------------------------------------------------------


def run_in_threads(count: int, run: Callable[[int], None]) -> None:
    """Run it in so many threads at once, each with its number; an error of one is raised."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            run(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("with_state", [True, False])
def test_five_threads_with_a_loop_each(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any], *, with_state: bool
) -> None:
    """G12: One root serves five event loops in five threads, all at once, each its own."""
    log: list[str] = []
    root = numbered(log)
    barrier = threading.Barrier(5, timeout=LIMIT)
    answers: dict[int, set[str]] = {}

    async def serve(which: int) -> None:
        async with lifespan(root, with_state=with_state) as running:
            await anyio.to_thread.run_sync(barrier.wait)
            state = running.state if with_state else None
            answers[which] = {await get(root, state=state) for _ in range(50)}
            await anyio.to_thread.run_sync(barrier.wait)
            assert len(root.startups) == 5
            await anyio.to_thread.run_sync(barrier.wait)

    def run(which: int) -> None:
        options = {"backend": anyio_backend_name, "backend_options": anyio_backend_options}
        anyio.run(serve, which, **options)  # type: ignore[arg-type]

    run_in_threads(5, run)
    assert sorted(map(list, answers.values())) == [[f"session {n}"] for n in range(1, 6)]
    assert sorted(log) == sorted(f"{what} {n}" for n in range(1, 6) for what in ("open", "commit"))
    assert root.startups == ()


@in_every_loop
async def test_loop_without_a_lifespan_finds_no_foreign_one(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """G12: A request in another thread's loop does not get this loop's app scope."""
    root = numbered([])

    def ask(state: dict[str, Any] | None) -> str:
        options = {"backend": anyio_backend_name, "backend_options": anyio_backend_options}
        return anyio.run(lambda: get(root, state=state), **options)  # type: ignore[arg-type]

    async with lifespan(root) as running:
        with pytest.raises(LifespanNotRunError, match="another event loop"):
            await anyio.to_thread.run_sync(ask, None)
        with pytest.raises(WrongLoopError):  # a server that hands on state from loop to loop
            await anyio.to_thread.run_sync(ask, running.state)
        assert await get(root) == "session 1"


LOOPS: list[Any] = [pytest.param(asyncio.new_event_loop, id="asyncio")]
if importlib.util.find_spec("uvloop") is not None:
    uvloop: Any = importlib.import_module("uvloop")
    LOOPS.append(pytest.param(uvloop.new_event_loop, id="uvloop"))


@contextmanager
def stepped(loop: asyncio.AbstractEventLoop, root: Any) -> Iterator[Lifespan]:
    """A lifespan in *loop*, which runs only while somebody steps it."""
    running = Lifespan(root)
    task = loop.create_task(running.run(with_state=False))
    loop.run_until_complete(running.start())
    try:
        yield running
    finally:
        loop.run_until_complete(running.stop())
        loop.run_until_complete(task)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_two_loops_in_turn_in_one_thread(new_loop: NewLoop) -> None:
    """G12: Two loops that alternate in one thread keep their lifespans apart."""
    log: list[str] = []
    root = numbered(log)
    one, two = new_loop(), new_loop()
    with ExitStack() as stack:
        stack.callback(one.close)
        stack.callback(two.close)
        running = stack.enter_context(stepped(one, root))
        with stepped(two, root):
            for _ in range(10):
                assert one.run_until_complete(get(root)) == "session 1"
                assert two.run_until_complete(get(root)) == "session 2"
            one.run_until_complete(running.stop())
            assert two.run_until_complete(get(root)) == "session 2"
            with pytest.raises(LifespanNotRunError):
                one.run_until_complete(get(root))
    assert log == ["open 1", "open 2", "commit 1", "commit 2"]


# --- again and again -----------------------------------------------------------------------


@in_every_loop
async def test_root_that_is_restarted_many_times_keeps_nothing() -> None:
    """G12, G15: After a hundred lifespans the root holds nothing that it did not before."""
    log: list[str] = []
    root = numbered(log)

    async def cycle(times: int) -> int:
        for _ in range(times):
            async with lifespan(root) as running:
                assert await get(root) == await get(root, state=running.state)
        gc.collect()
        return len(gc.get_objects())

    before = await cycle(10)
    # Each one left behind would be hundreds of objects; pytest may keep a line of the log each.
    assert await cycle(100) - before < 1_000
    assert root.startups == ()
    assert log[1::2] == [f"commit {number}" for number in range(1, 111)]


@in_every_loop
async def test_failed_starts_leave_nothing() -> None:
    """G7, G15: A hundred starts that fail leave nothing in the root."""

    @provider(scope="app", eager=True)
    async def failing(session: Session) -> int:
        raise ValueError

    root = Container(open_sessions([], "app"), failing).asgi(answering(number))

    async def cycle(times: int) -> int:
        for _ in range(times):
            async with lifespan(root) as running:
                assert isinstance(running.error, ValueError)
        del running
        gc.collect()
        return len(gc.get_objects())

    before = await cycle(10)
    assert await cycle(100) - before < 100


@pytest.mark.parametrize("new_loop", LOOPS)
def test_lifespan_of_a_loop_that_was_closed_under_it_is_forgotten(new_loop: NewLoop) -> None:
    """G12, G15: A loop that is closed without a word does not count as running for ever."""
    root = numbered([])
    for number in (1, 2, 3):
        loop = new_loop()
        running = Lifespan(root)
        task = loop.create_task(running.run(with_state=False))
        loop.run_until_complete(running.start())
        assert loop.run_until_complete(get(root)) == f"session {number}"
        assert len(root.startups) == 1
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio would complain
        loop.close()
        assert root.startups == ()
