"""Group H: which scope is the current one, and what a scope says that has ended."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.to_thread
import pytest

from lifescope import (
    Container,
    NoScopeError,
    OpenScope,
    ScopeClosedError,
    current_scope,
    inject,
    provider,
)
from reading import said

pytestmark = pytest.mark.anyio

ASYNCIO = [("asyncio", {})]


class Thing:
    pass


def things(scope: str = "request") -> Container:
    return Container(provider(Thing, scope=scope))


# --- the current scope ----------------------------------------------------------------------


async def test_no_scope_is_current_by_itself():
    """H03: Where nothing is open there is no current scope, and the error says what to do."""
    with pytest.raises(NoScopeError) as caught:
        current_scope()
    assert isinstance(caught.value, LookupError)
    assert "container.open()" in str(caught.value)


async def test_innermost_scope_is_current():
    """H01: Inside each block its scope is the current one; afterwards the one before is."""
    async with things().open() as app:
        assert current_scope() is app
        async with app.open() as request:
            assert current_scope() is request
            async with request.open() as call:
                assert current_scope() is call
            assert current_scope() is request
        assert current_scope() is app
    with pytest.raises(NoScopeError):
        current_scope()


async def test_scope_before_is_restored_after_an_error():
    """H01: Also when a block ends with an error, or opening it fails."""
    async with things().open() as app:
        with pytest.raises(KeyError):
            async with app.open():
                raise KeyError
        assert current_scope() is app
        with pytest.raises(Exception, match="not the declared ones"):
            async with app.open(values={int: 3}):
                pass
        assert current_scope() is app


async def test_concurrent_requests_each_have_their_own_current_scope():
    """H01: Two tasks that each open a request each see their own."""
    both = [anyio.Event(), anyio.Event()]

    async def work(app: OpenScope, number: int) -> None:
        async with app.open() as request:
            both[number].set()
            await both[1 - number].wait()
            assert current_scope() is request
            await anyio.lowlevel.checkpoint()
            assert current_scope() is request
        assert current_scope() is app

    with anyio.fail_after(5):
        async with things().open() as app, anyio.create_task_group() as group:
            group.start_soon(work, app, 0)
            group.start_soon(work, app, 1)


async def test_task_started_in_a_request_sees_its_scope():
    """H01: A task that is started in a request has that request's scope."""
    seen: list[OpenScope] = []

    async def work() -> None:
        seen.append(current_scope())

    async with things().open() as app, app.open() as request:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
        assert seen == [request]


async def test_container_finds_its_own_scope():
    """H01: Of two containers that are both open, each finds its own current scope."""
    outer, inner = things(), things()
    async with outer.open() as a, a.open() as outer_request:
        async with inner.open() as b:
            assert await outer.get(Thing) is await outer_request.get(Thing)
            async with b.open() as inner_request:
                assert current_scope() is inner_request
                assert await inner.get(Thing) is await inner_request.get(Thing)
                assert await outer.get(Thing) is await outer_request.get(Thing)
                assert await inner.get(Thing) is not await outer.get(Thing)
        with pytest.raises(NoScopeError):
            await inner.get(Thing)


async def test_containers_opened_alternately_find_their_own_scopes():
    """H01: The order in which scopes of several containers are opened does not matter."""
    one, two = things(), things()
    async with one.open() as a, two.open() as b:
        async with a.open() as x, b.open() as y:
            assert await one.get(Thing) is await x.get(Thing)
            assert await two.get(Thing) is await y.get(Thing)


async def test_container_without_open_scope():
    """H03: A container whose scope is not open says so, also while another one is open."""
    container = things()
    async with things().open():
        with pytest.raises(NoScopeError, match="Thing") as caught:
            await container.get(Thing)
        assert caught.value.wanted == "Thing"
        with pytest.raises(NoScopeError):
            await container.call(lambda: None)


async def test_container_get_and_call_use_the_current_scope():
    """H01: `container.get` and `container.call` ask the current scope."""

    def give(thing: Thing) -> Thing:
        return thing

    container = things()
    async with container.open() as app, app.open() as request:
        assert await container.get(Thing) is await request.get(Thing)
        assert await container.call(give) is await request.get(Thing)


# --- threads --------------------------------------------------------------------------------


async def test_worker_thread_sees_the_scope():
    """H03: `anyio.to_thread` runs code with the current scope."""

    def work() -> tuple[OpenScope, int]:
        return current_scope(), current_scope().get_nowait(int)

    async with Container(values={int: 3}).open() as app, app.open() as request:
        assert await anyio.to_thread.run_sync(work) == (request, 3)


def in_thread(function: Callable[[], Any]) -> Any:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(5)
    return results[0]


async def test_bare_thread_sees_no_scope():
    """H03: A bare thread has no current scope; the error names the way to give it one."""
    async with things().open() as app, app.open() as request:
        error = in_thread(current_scope)
        assert isinstance(error, NoScopeError)
        assert "copy_context" in str(error)
        assert in_thread(_with_context(current_scope)) is request


def _with_context(function: Callable[[], Any]) -> Callable[[], Any]:
    context = copy_context()
    return lambda: context.run(function)


async def test_injected_function_in_a_bare_thread():
    """H03: An injected function that is called in a bare thread says that no scope is open."""

    @inject
    def work() -> None:
        raise AssertionError

    async with things().open():
        assert isinstance(in_thread(work), NoScopeError)


# --- misuse ---------------------------------------------------------------------------------


async def test_task_that_outlives_its_request():
    """H02: Code that goes on after its request gets an error that says which scope has ended."""
    ended = anyio.Event()
    errors: list[ScopeClosedError] = []

    async def late() -> None:
        await ended.wait()
        for ask in (current_scope().get, things_.get):
            with pytest.raises(ScopeClosedError) as caught:
                await ask(Thing)
            errors.append(caught.value)

    things_ = things()
    with anyio.fail_after(5):
        async with things_.open() as app, anyio.create_task_group() as group:
            async with app.open() as request:
                await request.get(Thing)
                group.start_soon(late)
                await anyio.wait_all_tasks_blocked()
            ended.set()
    assert len(errors) == 2
    for error in errors:
        assert error.scope == "request"
        assert error.wanted == "Thing"
        assert not error.closing
        assert '"request"' in str(error)
        assert "was closed a moment ago" in said(error)
        assert error.seconds_ago is not None


async def test_closed_app_scope_says_where_it_was_opened():
    """H02: The error about an app scope names the line that opened it."""
    async with things("app").open() as app:
        await app.get(Thing)
    with pytest.raises(ScopeClosedError) as caught:
        await app.get(Thing)
    place = caught.value.opened_at
    assert place is not None
    assert place.file == __file__
    line = test_closed_app_scope_says_where_it_was_opened.__code__.co_firstlineno + 2
    assert place.line == line
    assert f"test_binding.py:{line}" in str(caught.value)


async def test_closed_request_scope_says_where_it_was_opened():
    """H02: The error about a scope opened by hand inside another names the line that did it."""
    async with things().open() as app:
        async with app.open() as request:
            await request.get(Thing)
    with pytest.raises(ScopeClosedError) as caught:
        await request.get(Thing)
    place = caught.value.opened_at
    assert place is not None
    assert place.file == __file__
    line = test_closed_request_scope_says_where_it_was_opened.__code__.co_firstlineno + 3
    assert f"test_binding.py:{line}" in str(caught.value)


@pytest.mark.parametrize("anyio_backend", ASYNCIO, indirect=True)
async def test_scope_opened_in_a_generator_that_is_finished_elsewhere(log):
    """H04: It is closed, and the context that closes it is not disturbed.

    Trio forbids to leave in one task what was entered in another, and says so itself.
    """

    @provider(scope="request")
    async def thing() -> AsyncIterator[Thing]:
        yield Thing()
        log("released")

    async def stream(app: OpenScope) -> AsyncIterator[Thing]:
        async with app.open() as request:
            yield await request.get(Thing)
            yield await request.get(Thing)

    async def finish(app: OpenScope, chunks: AsyncIterator[Thing]) -> None:
        async with app.open() as own:
            assert [chunk async for chunk in chunks]
            assert log.events == ["released"]
            assert current_scope() is own
        assert current_scope() is app

    with anyio.fail_after(5):
        async with Container(thing).open() as app, anyio.create_task_group() as group:
            chunks = stream(app)

            async def begin() -> None:
                await anext(chunks)

            async with anyio.create_task_group() as inner:
                inner.start_soon(begin)
            group.start_soon(finish, app, chunks)


@pytest.mark.parametrize("scope", ["app", "request", "call"])
async def test_closed_scope_gives_nothing(scope):
    """H05: Every way to ask a closed scope is an error that says which one it was."""

    def function(thing: Thing) -> None:
        raise AssertionError

    async with things("transient").open() as app, app.open("call") as call:
        await call.get(Thing)
    closed = {"app": app, "request": call.parent, "call": call}[scope]
    assert closed.closed
    for ask in (
        lambda: closed.get(Thing),
        lambda: closed.call(function),
        lambda: closed.get(OpenScope),
    ):
        with pytest.raises(ScopeClosedError) as caught:
            await ask()
        assert caught.value.scope == scope
        assert f'"{scope}"' in str(caught.value)
    with pytest.raises(ScopeClosedError):
        closed.get_nowait(Thing)


async def test_closed_scope_forgets_what_it_had():
    """H05: Something that was ready is not given any more."""
    async with Container(provider(Thing, scope="app"), values={int: 3}).open() as app:
        await app.get(Thing)
    for form in (Thing, int):
        with pytest.raises(ScopeClosedError):
            await app.get(form)
        with pytest.raises(ScopeClosedError):
            app.get_nowait(form)


@pytest.mark.parametrize("name", ["request", "call", None])
async def test_closed_scope_opens_nothing(name):
    """H06: Opening a scope inside a closed one is an error."""
    async with things().open() as app:
        pass
    with pytest.raises(ScopeClosedError) as caught:
        async with app.open(name):
            raise AssertionError
    assert caught.value.scope == "app"


@asynccontextmanager
async def child_of_closed_parent(*sources: Any, ask: Any) -> AsyncIterator[OpenScope]:
    """A request scope that is still open, in another task than its app scope that has ended."""
    opened, used = anyio.Event(), anyio.Event()
    apps: list[OpenScope] = []

    async def parent() -> None:
        async with Container(*sources).open() as app:
            apps.append(app)
            opened.set()
            await used.wait()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(parent)
            await opened.wait()
            async with apps[0].open() as child:
                if ask is not None:
                    await child.get(ask)
                used.set()
                await anyio.wait_all_tasks_blocked()
                yield child


class Own:
    pass


class NeedsApp:
    def __init__(self, thing: Thing) -> None: ...


SOURCES = (
    provider(Thing, scope="app"),
    provider(Own, scope="request"),
    provider(NeedsApp, scope="request"),
)


@pytest.mark.parametrize("form", [Thing, NeedsApp, Own])
@pytest.mark.parametrize("warm", [False, True], ids=["never asked", "asked before"])
async def test_child_of_a_closed_scope_gives_nothing(form, warm):
    """H07: When the app scope has ended, a request scope inside it refuses."""
    errors: list[ScopeClosedError] = []
    async with child_of_closed_parent(*SOURCES, ask=form if warm else None) as child:
        try:
            await child.get(form)
        except ScopeClosedError as error:
            errors.append(error)
    assert [error.scope in ("app", "request") for error in errors] == [True]


async def test_child_of_a_closed_scope_opens_nothing():
    """H07: Nor does it open a scope inside it."""
    opened: list[OpenScope] = []
    async with child_of_closed_parent(*SOURCES, ask=None) as child:
        with suppress(ScopeClosedError):
            async with child.open() as call:
                opened.append(call)
    assert opened == []


async def test_child_gives_no_object_that_its_closing_parent_has_released(log):
    """G10: While the app scope closes, a request gets "closing", and no released object."""
    reached, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def slow() -> AsyncIterator[int]:
        yield 3
        reached.set()
        await go_on.wait()

    @provider(scope="app")
    async def thing(number: int) -> AsyncIterator[Thing]:
        yield Thing()
        log("released")

    opened, used = anyio.Event(), anyio.Event()
    apps: list[OpenScope] = []
    given: list[Any] = []

    async def parent() -> None:
        async with Container(slow, thing, provider(NeedsApp, scope="request")).open() as app:
            await app.get(Thing)
            apps.append(app)
            opened.set()
            await used.wait()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(parent)
            await opened.wait()
            async with apps[0].open() as request:
                used.set()
                await reached.wait()
                assert log.events == ["released"]
                for form in (Thing, NeedsApp):
                    with suppress(ScopeClosedError):
                        given.append(await request.get(form))
                go_on.set()
    assert given == []


async def test_open_is_entered_and_not_awaited():
    """H06: `await container.open()` says what was meant."""
    with pytest.raises(TypeError, match="async with"):
        await things().open()


async def test_scope_describes_itself():
    """H02: The representation of a scope tells its name, its state and its place."""
    async with things().open() as app:
        assert '"app", open' in repr(app)
        assert "test_binding.py:" in repr(app)
        assert not app.closed
        assert (app.name, app.parent) == ("app", None)
    assert '"app", closed' in repr(app)
    assert app.closed


variable: ContextVar[str] = ContextVar("variable", default="before")


async def test_effects_of_the_app_scope_end_with_it():
    """G6: What an app-scoped provider sets is visible where it was asked for, and ends with it."""

    @provider(scope="app")
    async def thing() -> AsyncIterator[Thing]:
        token = variable.set("inside")
        yield Thing()
        variable.reset(token)

    async with Container(thing).open() as app:
        await app.get(Thing)
        assert variable.get() == "inside"
    assert variable.get() == "before"


async def test_what_the_block_sets_itself_stays():
    """G6: A variable that the block has set to something else is left alone."""

    @provider(scope="app")
    async def thing() -> AsyncIterator[Thing]:
        variable.set("inside")
        yield Thing()

    async with Container(thing).open() as app:
        await app.get(Thing)
        variable.set("by the block")
    assert variable.get() == "by the block"
