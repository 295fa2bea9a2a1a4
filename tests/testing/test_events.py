"""`lifescope.testing.events`: what was acquired and released (K09)."""

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Annotated, Any

import anyio
import pytest

from lifescope import (
    Container,
    Factory,
    MissingProviderError,
    Named,
    NoYieldError,
    SecondYieldError,
    WrongValueError,
    provider,
    supplied,
)
from lifescope.testing import Event, events

pytestmark = pytest.mark.anyio


class Engine:
    pass


class Session:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine


class Clock:
    pass


class Broken(Exception):
    pass


def async_generator() -> Any:
    async def engine() -> AsyncIterator[Engine]:
        yield Engine()

    return engine


def generator() -> Any:
    def engine() -> Iterator[Engine]:
        yield Engine()

    return engine


def manager() -> Any:
    return contextmanager(generator())


def async_manager() -> Any:
    return asynccontextmanager(async_generator())


def returned_manager() -> Any:
    def engine() -> AbstractAsyncContextManager[Engine]:
        return async_manager()()

    return engine


def function() -> Any:
    def engine() -> Engine:
        return Engine()

    return engine


def coroutine() -> Any:
    async def engine() -> Engine:
        return Engine()

    return engine


RELEASED = [async_generator, generator, manager, async_manager, returned_manager]
KINDS: list[Callable[[], Any]] = [*RELEASED, function, coroutine, lambda: Engine]


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_in_every_scope(kind: Any, scope: str) -> None:
    """K09: An acquisition, and where there is one, its release; made anew for each log."""
    container = Container(provider(kind(), scope=scope))
    for _ in range(2):
        with events(container) as log:
            async with container.open() as app, app.open() as request:
                assert type(await request.get(Engine)) is Engine
                assert log == [f"{scope}: Engine acquired"]
        released = [f"{scope}: Engine released"] if kind in RELEASED else []
        assert log == [f"{scope}: Engine acquired", *released]


@pytest.mark.parametrize("kind", [generator, manager, function])
async def test_in_threads(kind: Any) -> None:
    """K09: What runs in worker threads is seen as well."""
    container = Container(provider(kind(), scope="app", thread=True))
    with events(container) as log:
        async with container.open() as app:
            await app.get(Engine)
    assert log.acquired(Engine) == 1
    assert log.released(Engine) == (kind is not function)
    assert log.unreleased == []


async def test_order() -> None:
    """G2: What is needed comes first, and goes last."""
    container = Container(
        provider(async_generator(), scope="app"),
        provider(Session, scope="request"),
    )
    with events(container) as log:
        async with container.open() as app:
            for _ in range(2):
                async with app.open() as request:
                    await request.get(Session)
    assert log == [
        "app: Engine acquired",
        "request: Session acquired",
        "request: Session acquired",
        "app: Engine released",
    ]
    assert log.of(Session) == ["request: Session acquired"] * 2
    assert [event.scope for event in log.of(Session, Engine)] == [e.scope for e in log]


async def test_scopes_that_are_open_already() -> None:
    """What was compiled and acquired before is not in the log; what is acquired now is."""
    container = Container(
        provider(Engine, scope="app"),
        provider(Session, scope="request"),
        provider(Clock, scope="app"),
    )
    async with container.open() as app:
        async with app.open() as request:
            await request.get(Session)
            with events(container) as log:
                async with app.open() as other:
                    await other.get(Session)
                await request.get(Session)
                await app.get(Clock)
    assert log == ["request: Session acquired", "app: Clock acquired"]


async def test_nothing_is_left_when_nobody_listens() -> None:
    """A closed log does not grow, and what is acquired afterwards is as it always was."""
    container = Container(provider(async_generator(), scope="request"))
    async with container.open() as app:
        async with app.open() as request:
            with events(container) as log:
                await request.get(Engine)
        async with app.open() as request:
            await request.get(Engine)
    assert log == ["request: Engine acquired"]
    assert log.unreleased == log


async def test_two_logs() -> None:
    """Each has what happens inside its own block."""
    container = Container(provider(async_generator(), scope="request"))
    async with container.open() as app:
        with events(container) as outer:
            async with app.open() as request:
                with events(container) as inner:
                    await request.get(Engine)
    assert outer == ["request: Engine acquired", "request: Engine released"]
    assert inner == ["request: Engine acquired"]


async def test_other_containers() -> None:
    """A log is about one container, also where another one has the same providers."""
    container = Container(provider(async_generator(), scope="request"))
    other = Container(container)
    with events(container) as log:
        async with other.open() as app:
            async with app.open() as request:
                await request.get(Engine)
    assert log == []


async def test_overrides() -> None:
    """What an override replaces is not there; what it makes again, and its replacement, are."""

    @provider(scope="app")
    async def fake() -> AsyncIterator[Engine]:
        yield Engine()

    container = Container(
        provider(async_generator(), scope="app"),
        provider(Session, scope="app"),
        provider(Clock, scope="app"),
    )
    with events(container) as log:
        async with container.open() as app:
            await app.get(Session)
            async with container.override(Engine, fake):
                await app.get(Session)
                await app.get(Clock)  # it is shared, and made below
            assert log.of(Engine)[-1].provider.startswith("fake() (")
    assert log == [
        "app: Engine acquired",
        "app: Session acquired",
        "app: Engine acquired",
        "app: Session acquired",
        "app: Clock acquired",
        "app: Engine released",
        "app: Engine released",
    ]


async def test_from_another_task() -> None:
    """What is entered in an owner task, because another task asks for it, is seen once."""
    container = Container(provider(async_generator(), scope="request"))
    with events(container) as log:
        async with container.open() as app, app.open() as request:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(request.get, Engine)
    assert log == ["request: Engine acquired", "request: Engine released"]


async def test_asked_without_awaiting() -> None:
    """`get_nowait` acquires as well."""
    container = Container(provider(generator(), scope="request"))
    with events(container) as log:
        async with container.open() as app, app.open() as request:
            request.get_nowait(Engine)
    assert log == ["request: Engine acquired", "request: Engine released"]


async def test_factories() -> None:
    """Each block of a factory is an acquisition and a release."""

    class Pool:
        def __init__(self, engines: Factory[Engine]) -> None:
            self.engines = engines

    container = Container(provider(async_generator(), scope="app"), provider(Pool, scope="app"))
    with events(container) as log:
        async with container.open() as app:
            pool = await app.get(Pool)
            for _ in range(2):
                async with pool.engines():
                    pass
    assert log.of(Engine) == ["app: Engine acquired", "app: Engine released"] * 2


async def test_one_function_for_two_keys() -> None:
    """Two providers may have the same function; each event is about one of them."""
    make = function()
    replica = Annotated[Engine, Named("replica")]

    class Both:
        def __init__(self, engine: Engine, other: replica) -> None:  # type: ignore[valid-type]
            assert engine is not other

    container = Container(
        provider(make, scope="app"),
        provider(make, scope="app", name="replica"),
        provider(Both, scope="transient"),
    )
    with events(container) as log:
        async with container.open() as app:
            await app.get(Both)
    assert log == [
        "app: Engine acquired",
        'app: Engine (named "replica") acquired',
        "transient: Both acquired",
    ]
    assert (log.acquired(Engine), log.acquired(replica)) == (1, 1)


async def test_what_is_handed_in() -> None:
    """It is not acquired by us, and so not in the log."""
    container = Container(supplied(int, scope="request"), values={str: "s"})
    with events(container) as log:
        async with container.open() as app, app.open(values={int: 1}) as request:
            assert await request.get(int) == 1
            assert await request.get(str) == "s"
    assert log == []


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", KINDS)
async def test_acquisitions_that_fail(kind: Any, scope: str) -> None:
    """K09: A start that has no end has an error; it comes out as itself."""

    class Client:
        pass

    if kind in RELEASED:

        async def client(engine: Engine) -> AsyncIterator[Client]:
            raise Broken
            yield Client()
    else:

        async def client(engine: Engine) -> Client:  # type: ignore[misc]
            raise Broken

    container = Container(provider(kind(), scope=scope), provider(client, scope="request"))
    with events(container) as log:
        async with container.open() as app, app.open() as request:
            with pytest.raises(Broken) as caught:
                await request.get(Client)
    assert log.of(Client) == ["request: Client failed"]
    assert log.of(Client)[0].error is caught.value
    assert log.unreleased == []


async def test_classes_that_fail() -> None:
    """A class or function that raises is a failure, and no acquisition."""

    class Client:
        def __init__(self) -> None:
            raise Broken

    container = Container(provider(Client, scope="app"))
    with events(container) as log:
        async with container.open() as app:
            with pytest.raises(Broken):
                await app.get(Client)
    assert (log.failed(Client), log.acquired(Client)) == (1, 0)


async def test_wrong_values() -> None:
    """What is refused because it is not what it should be was not acquired."""

    def engine() -> Engine:
        return None  # type: ignore[return-value]

    container = Container(provider(engine, scope="app"))
    with events(container) as log:
        async with container.open() as app:
            with pytest.raises(WrongValueError):
                await app.get(Engine)
    assert log == ["app: Engine failed"]
    assert isinstance(log[0].error, WrongValueError)


@pytest.mark.parametrize("is_async", [True, False])
async def test_number_of_yields(is_async: bool) -> None:
    """None is a failed acquisition, two are a failed release; the errors are the same as ever."""

    async def engine_async(times: int) -> AsyncIterator[Engine]:
        for _ in range(times):
            yield Engine()

    def engine(times: int) -> Iterator[Engine]:
        for _ in range(times):
            yield Engine()

    container = Container(
        supplied(int, scope="app"), provider(engine_async if is_async else engine, scope="request")
    )
    with events(container) as log:
        with pytest.raises(NoYieldError):
            async with container.open(values={int: 0}) as app, app.open() as request:
                await request.get(Engine)
        with pytest.raises(SecondYieldError):
            async with container.open(values={int: 2}) as app, app.open() as request:
                await request.get(Engine)
    assert log == [
        "request: Engine failed",
        "request: Engine acquired",
        "request: Engine release failed",
    ]
    assert [type(event.error) for event in log] == [NoYieldError, type(None), SecondYieldError]


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_what_a_release_was_told(scope: str) -> None:
    """G4: The outcome is thrown in at the `yield` as ever, and is in the log."""
    seen: list[BaseException] = []

    async def engine() -> AsyncIterator[Engine]:
        try:
            yield Engine()
        except Broken as error:
            seen.append(error)
            raise

    container = Container(provider(engine, scope=scope))
    with events(container) as log:
        with pytest.raises(Broken) as caught:
            async with container.open() as app, app.open() as request:
                await request.get(Engine)
                raise Broken
    assert seen == [caught.value]
    assert log == [f"{scope}: Engine acquired", f"{scope}: Engine released"]
    assert (log[1].error, log[1].told) == (None, caught.value)


@pytest.mark.parametrize("kind", [async_generator, generator, manager, async_manager])
async def test_a_stop_iteration_as_outcome(kind: Any) -> None:
    """G4: A StopIteration goes in and comes out as itself, with and without a log."""
    container = Container(provider(kind(), scope="request"))
    with events(container) as log:
        with pytest.raises(StopIteration):
            async with container.open() as app, app.open() as request:
                await request.get(Engine)
                raise StopIteration
    assert log == ["request: Engine acquired", "request: Engine released"]


async def test_cancelled_in_the_middle() -> None:
    """An acquisition that is cancelled has failed; the ones before are released."""

    class Client:
        pass

    async def client(engine: Engine) -> AsyncIterator[Client]:
        cancel_scope.cancel()
        await anyio.sleep_forever()
        yield Client()

    container = Container(
        provider(async_generator(), scope="app"), provider(client, scope="request")
    )
    with events(container) as log:
        with anyio.CancelScope() as cancel_scope:
            async with container.open() as app, app.open() as request:
                await request.get(Client)
    assert log == ["app: Engine acquired", "request: Client failed", "app: Engine released"]


# --- listeners ------------------------------------------------------------------------------


async def test_listener() -> None:
    """It is called with each event as it happens."""
    seen: list[Event] = []
    container = Container(provider(async_generator(), scope="app"))
    with events(container, seen.append) as log:
        async with container.open() as app:
            await app.get(Engine)
            assert seen == ["app: Engine acquired"]
    assert seen == log


class NoException(BaseException):
    pass


@pytest.mark.parametrize("error", [Broken, NoException])
@pytest.mark.parametrize("kind", KINDS)
async def test_listener_that_raises(
    kind: Any, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """K09: It breaks no acquisition and no release; the log of Python has its error."""

    def broken(event: Event) -> None:
        raise error

    container = Container(provider(kind(), scope="app"))
    with caplog.at_level(logging.ERROR, "lifescope"), events(container, broken) as log:
        async with container.open() as app:
            await app.get(Engine)
    assert log.unreleased == []
    assert len(caplog.records) == len(log) == 1 + (kind in RELEASED)


async def test_a_log_that_begins_in_another_thread() -> None:
    """Whoever listens hears of all threads."""
    container = Container(provider(Engine, scope="app"))
    done = threading.Event()

    async def use() -> None:
        async with container.open() as app:
            await app.get(Engine)

    def in_thread() -> None:
        anyio.run(use)
        done.set()

    with events(container) as log:
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join(10)
    assert done.is_set()
    assert log == ["app: Engine acquired"]


def test_unknown_key() -> None:
    """A question about a key that nothing provides is an error, and not a quiet 0."""
    container = Container(provider(Engine, scope="app"))
    with events(container) as log:
        assert log.acquired(Engine) == 0
        with pytest.raises(MissingProviderError):
            log.acquired(Session)


async def test_contributions_to_a_list() -> None:
    """Each of them is an acquisition of its own."""

    @provider(scope="app", many=True)
    def one() -> Engine:
        return Engine()

    @provider(scope="app", many=True)
    def two() -> Engine:
        return Engine()

    container = Container(one, two)
    with events(container) as log:
        async with container.open() as app:
            await app.get(list[Engine])
    assert log.acquired(Engine) == 2
    assert [event.provider.partition("(")[0] for event in log] == ["one", "two"]
