"""Group B: `Current[T]`, the T of whichever request is running."""

import gc
import weakref
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from lifescope import (
    Container,
    Current,
    Named,
    NoScopeError,
    OpenScope,
    ScopeClosedError,
    ScopeOrderError,
    provider,
)

pytestmark = pytest.mark.anyio


class Session:
    pass


class Service:
    """Lives as long as the app, and works with the session of the request."""

    def __init__(self, session: Current[Session]) -> None:
        self._session = session

    async def work(self) -> Session:
        return await self._session


def make_session(log: Any, scope: str = "request") -> Any:
    async def session() -> AsyncIterator[Session]:
        await anyio.lowlevel.checkpoint()
        log("acquire")
        yield Session()
        log("release")

    return provider(session, scope=scope)


def container_of(log: Any, scope: str = "request") -> Container:
    return Container(make_session(log, scope), provider(Service, scope="app"))


async def test_current_in_a_request(log):
    """C08: In a request it gives the request's own object, which others share."""
    async with container_of(log).open() as app:
        service = await app.get(Service)
        assert log.events == []
        async with app.open() as request:
            session = await service.work()
            assert type(session) is Session
            assert await service.work() is session
            assert await request.get(Session) is session
            assert log.events == ["acquire"]
        assert log.events == ["acquire", "release"]
        async with app.open():
            assert await service.work() is not session


async def test_current_in_two_requests_at_once(log):
    """C08, H01: Each of two concurrent requests gets its own."""
    seen: dict[str, list[Session]] = {}
    both = anyio.Event()

    async def handle(name: str, app: OpenScope, service: Service) -> None:
        async with app.open() as request:
            seen[name] = [await service.work()]
            if len(seen) == 2:
                both.set()
            await both.wait()
            seen[name] += [await service.work(), await request.get(Session)]

    async with container_of(log).open() as app:
        service = await app.get(Service)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(handle, "one", app, service)
                tasks.start_soon(handle, "two", app, service)
    assert len(set(map(id, seen["one"]))) == len(set(map(id, seen["two"]))) == 1
    assert seen["one"][0] is not seen["two"][0]


async def test_current_outside_of_any_scope(log):
    """C08, H03: Where no scope is open there is nothing current; the error says what to do."""
    async with container_of(log).open() as app:
        service = await app.get(Service)
    with pytest.raises(NoScopeError, match="no scope is open here that could give S") as caught:
        await service.work()
    assert caught.value.wanted == "Session"
    assert isinstance(caught.value, LookupError)


async def test_current_in_the_scope_of_another_container(log):
    """C08: The scope of another container is not taken for one's own."""
    other = Container(make_session(log))
    async with container_of(log).open() as app:
        service = await app.get(Service)
    async with other.open() as app, app.open():
        with pytest.raises(NoScopeError):
            await service.work()
    assert log.events == []


async def test_current_below_the_scope_of_another_container(log):
    """C08: Its own request is found also where another container's scope is the innermost."""
    async with container_of(log).open() as app, app.open() as request:
        service = await app.get(Service)
        async with Container(make_session(log)).open() as other, other.open():
            assert await service.work() is await request.get(Session)


async def test_current_in_the_app_scope(log):
    """C08: Outside of any request there is none: the error names key, scope and provider."""
    async with container_of(log).open() as app:
        service = await app.get(Service)
        with pytest.raises(ScopeOrderError) as caught:
            await service.work()
    error = caught.value
    assert (error.key.form, error.scope, error.asked_in) == (Session, "request", "app")
    for text in ('"request"', '"app"', "session()", "test_current.py:"):
        assert text in str(error)


async def test_current_while_the_app_scope_acquires(log):
    """C08: A provider of the app cannot ask for it while it starts."""

    @provider(scope="app")
    async def eager(session: Current[Session]) -> int:
        with pytest.raises(ScopeOrderError):
            await session
        return 1

    async with Container(make_session(log), eager).open() as app, app.open() as request:
        assert await request.get(int) == 1


async def test_current_in_a_narrower_scope(log):
    """C08: In a scope inside the request it is still the request's."""
    async with container_of(log).open() as app, app.open() as request:
        service = await app.get(Service)
        async with request.open("call"):
            session = await service.work()
        assert log.events == ["acquire"]
        assert await request.get(Session) is session


async def test_current_of_the_innermost_scope(log):
    """C08: Of scopes that are open inside each other, the innermost is current."""
    async with container_of(log, "call").open() as app, app.open() as request:
        service = await app.get(Service)
        async with request.open() as outer:
            first = await service.work()
            async with request.open() as inner:
                assert await service.work() is await inner.get(Session) is not first
            assert await service.work() is first is await outer.get(Session)


async def test_current_in_a_thread(log):
    """C08, H03: A worker thread that has a copy of the context is in the request too."""
    async with container_of(log).open() as app:
        service = await app.get(Service)

        def work() -> Session:
            return anyio.from_thread.run(service.work)

        async with app.open() as request:
            session = await anyio.to_thread.run_sync(work)
            assert session is await request.get(Session)
    assert log.events == ["acquire", "release"]


async def test_current_after_the_end_of_the_request(log):
    """C08, G10: A task that outlives its request is told so."""
    go_on, errors = anyio.Event(), []

    async def straggler(service: Service) -> None:
        await go_on.wait()
        with pytest.raises(ScopeClosedError) as caught:
            await service.work()
        errors.append(caught.value)

    async with container_of(log).open() as app, anyio.create_task_group() as tasks:
        service = await app.get(Service)
        async with app.open():
            tasks.start_soon(straggler, service)
            await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert [error.scope for error in errors] == ["request"]
    assert log.events == []


async def test_current_keeps_nothing(log):
    """C08, G15: The object dies with its request."""
    async with container_of(log).open() as app:
        service = await app.get(Service)
        gc.disable()
        try:
            async with app.open():
                reference = weakref.ref(await service.work())
            assert reference() is None
        finally:
            gc.enable()


async def test_current_held_through_a_transient(log):
    """C08: A transient of an app-scoped object may hold it too."""

    class Outer:
        def __init__(self, service: Service) -> None:
            self.service = service

    container = Container(
        make_session(log), provider(Service, scope="transient"), provider(Outer, scope="app")
    )
    async with container.open() as app:
        outer = await app.get(Outer)
        async with app.open() as request:
            assert await outer.service.work() is await request.get(Session)


async def test_current_of_a_wider_or_transient_key(log):
    """C08: It gives whatever asking the current scope would give."""

    @provider(scope="app", provides=str)
    def holder(number: Current[int], session: Current[Session]) -> Any:
        return number, session

    numbers = iter(range(10))
    count = provider(lambda: next(numbers), scope="transient", provides=int)
    async with Container(make_session(log, "app"), count, holder).open() as app:
        number, session = await app.get(str)
        assert (await number, await number) == (0, 1)
        assert await session is await app.get(Session)


async def test_current_of_a_named_key():
    """B06: The name counts."""
    named = Annotated[Session, Named("x")]
    container = Container(
        provider(Session, scope="request"), provider(Session, scope="request", name="x")
    )
    async with container.open() as app:
        current = await app.get(Current[named])
        async with app.open() as request:
            assert await current is await request.get(named) is not await request.get(Session)


async def test_current_of_a_list(log):
    """B03: A list of contributions can be looked up as well."""
    one, two = (provider(Session, scope="request", many=True) for _ in "12")
    async with Container(one, two).open() as app:
        current = await app.get(Current[list[Session]])
        async with app.open() as request:
            assert await current == await request.get(list[Session])
            assert len(await current) == 2


async def test_current_of_one_of_several_keys():
    """A07, B16: It gives what its own key stands for, where another key is decorated."""

    class Reader:
        pass

    class Writer:
        pass

    class File(Reader, Writer):
        pass

    class Logged(Reader):
        def __init__(self, reader: Reader) -> None: ...

    container = Container(
        provider(File, scope="request", provides=(Reader, Writer)),
        provider(Logged, scope="request", provides=Reader, decorate=True),
    )
    async with container.open() as app:
        writer, reader = await app.get(Current[Writer]), await app.get(Current[Reader])
        async with app.open() as request:
            assert type(await request.get(Writer)) is File
            assert type(await writer) is File
            assert type(await reader) is Logged


async def test_current_of_an_overridden_key(log):
    """I07: An override is what is current."""
    container, fake = container_of(log), Session()
    with container.override(Session, fake):
        async with container.open() as app, app.open():
            assert await (await app.get(Service)).work() is fake
    assert log.events == []


async def test_app_scoped_object_that_is_overridden_keeps_nothing_current(log):
    """C08: What stands in for a handle in a test need not know lifescope."""

    async def fixed() -> Session:
        return session

    session = Session()
    assert await Service(fixed()).work() is session
