"""`@inject`: parameters filled from the current scope, at the edges of a program."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
import anyio.to_thread
import pytest

from behaviour import deferred_local
from lifescope import (
    Container,
    Inject,
    InvalidProviderError,
    MissingProviderError,
    Named,
    NoScopeError,
    NotReadyError,
    ScopeClosedError,
    ScopeOrderError,
    UnresolvableAnnotationError,
    current_scope,
    inject,
    provider,
)

pytestmark = pytest.mark.anyio


class Thing:
    pass


class Other:
    def __init__(self, thing: Thing) -> None:
        self.thing = thing


class Broken(Exception):
    pass


def make(log: Any, scope: str, form: type = Thing) -> Any:
    async def thing() -> AsyncIterator[form]:
        log("acquire")
        try:
            yield form()
        except Broken:
            log("saw Broken")
            raise
        finally:
            await anyio.lowlevel.checkpoint()
            log("release")

    return provider(thing, scope=scope)


@inject
async def coroutine(number: int, thing: Inject[Thing], *, flag: bool = False) -> Any:
    """Has a docstring."""
    await anyio.lowlevel.checkpoint()
    return number, thing, flag


@inject
def function(number: int, thing: Inject[Thing], *, flag: bool = False) -> Any:
    return number, thing, flag


class Handler:
    @inject
    async def get(self, number: int, thing: Inject[Thing]) -> Any:
        return self, number, thing

    @classmethod
    @inject
    async def of_class(cls, thing: Inject[Thing]) -> Any:
        return cls, thing

    @staticmethod
    @inject
    def static(thing: Inject[Thing]) -> Any:
        return thing


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_coroutine_function(log, scope):
    """A coroutine function gets its injected parameters from the current scope."""
    async with Container(make(log, scope)).open() as app, app.open() as request:
        thing = await request.get(Thing)
        assert await coroutine(3) == (3, thing, False)
        assert await coroutine(number=3, flag=True) == (3, thing, True)


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
async def test_function_in_the_event_loop(scope):
    """A plain function gets what is ready, or can be made without awaiting."""
    async with Container(provider(Thing, scope=scope)).open() as app, app.open():
        number, thing, flag = function(3)
        assert (number, flag) == (3, False)
        assert isinstance(thing, Thing)


async def test_function_in_the_event_loop_gets_values_of_the_container():
    """A plain function that is called in the app scope gets what the container has ready."""
    thing = Thing()
    async with Container(values={Thing: thing}).open():
        assert function(3) == (3, thing, False)


async def test_function_in_the_event_loop_cannot_await(log):
    """A plain function that needs something to be awaited says so."""
    async with Container(make(log, "request")).open() as app, app.open() as request:
        with pytest.raises(NotReadyError) as caught:
            function(3)
        assert "thing()" in str(caught.value)
        await request.get(Thing)
        assert function(3)[0] == 3


async def test_methods():
    """Methods, class methods and static methods are filled alike."""
    handler = Handler()
    async with Container(provider(Thing, scope="app")).open() as app:
        thing = await app.get(Thing)
        assert await handler.get(3) == (handler, 3, thing)
        assert await Handler.of_class() == (Handler, thing)
        assert Handler.static() is thing


async def test_named_and_optional_parameters():
    """`Inject[Annotated[T, Named(...)]]` and `Inject[T | None]` ask as providers do."""

    @inject
    async def work(
        replica: Inject[Annotated[Thing, Named("replica")]],
        other: Inject[Other | None],
        size: Inject[int] = 3,
    ) -> Any:
        return replica, other, size

    async with Container(provider(Thing, scope="app", name="replica")).open() as app:
        replica = await app.get(Annotated[Thing, Named("replica")])
        assert await work() == (replica, None, 3)


@pytest.mark.parametrize("call", [coroutine, function])
async def test_parameter_passed_by_hand_wins(log, call):
    """What is passed by name is used, and nothing is made for it."""
    own = Thing()
    async with Container(make(log, "request")).open() as app, app.open():
        result = call(3, thing=own)
        assert (await result if inspect.isawaitable(result) else result)[1] is own
    assert log.events == []


async def test_one_of_several_parameters_passed_by_hand(log):
    """The others are filled still."""

    @inject
    async def work(thing: Inject[Thing], other: Inject[Other]) -> Any:
        return thing, other

    own = Thing()
    container = Container(provider(Thing, scope="app"), provider(Other, scope="app"))
    async with container.open() as app:
        other = await app.get(Other)
        assert await work(thing=own) == (own, other)
        assert await work() == (other.thing, other)


@pytest.mark.parametrize("wrapped", [coroutine, function, Handler.get])
def test_injected_parameters_are_hidden(wrapped):
    """A framework that reads the signature sees nothing of injected parameters."""
    parameters = inspect.signature(wrapped).parameters
    assert "number" in parameters
    assert "thing" not in parameters
    assert "thing" not in inspect.get_annotations(wrapped)


def test_what_is_wrapped_keeps_its_kind_and_name():
    """An injected function stays a coroutine function, or a function, with name and docstring."""
    assert inspect.iscoroutinefunction(coroutine)
    assert not inspect.iscoroutinefunction(function)
    assert (coroutine.__name__, coroutine.__doc__) == ("coroutine", "Has a docstring.")
    assert coroutine.__module__ == __name__


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_generator_cannot_be_injected(kind):
    """A generator function is refused, because its body runs later than its call."""

    def generator(thing: Inject[Thing]) -> Iterator[Thing]:
        yield thing

    async def async_generator(thing: Inject[Thing]) -> AsyncIterator[Thing]:
        yield thing

    target = generator if kind == "generator" else async_generator
    with pytest.raises(InvalidProviderError, match=target.__name__):
        inject(target)


async def test_positional_only_parameter():
    """A positional-only parameter is filled like any other."""

    @inject
    async def work(number: int, thing: Inject[Thing], /, flag: bool = False) -> Any:
        return number, thing, flag

    async with Container(provider(Thing, scope="app")).open() as app:
        assert await work(3) == (3, await app.get(Thing), False)


async def test_no_scope():
    """Without an open scope the call is an error that names the function."""
    with pytest.raises(NoScopeError, match=r"coroutine\(\)"):
        await coroutine(3)
    with pytest.raises(NoScopeError, match=r"function\(\)"):
        function(3)


async def test_closed_scope():
    """In a scope that has ended the call is refused."""
    reached = anyio.Event()

    async def late() -> None:
        await reached.wait()
        with pytest.raises(ScopeClosedError):
            await coroutine(3)
        with pytest.raises(ScopeClosedError):
            function(3)

    with anyio.fail_after(5):
        async with Container(provider(Thing, scope="app")).open() as app:
            async with anyio.create_task_group() as group:
                async with app.open():
                    group.start_soon(late)
                    await anyio.wait_all_tasks_blocked()
                reached.set()


async def test_missing_provider():
    """A parameter that nothing provides is an error that names the function and the line."""
    async with Container().open():
        with pytest.raises(MissingProviderError) as caught:
            await coroutine(3)
    (link,) = caught.value.chain
    assert (link.name, link.parameter) == ("coroutine()", "thing")
    assert "test_inject.py:" in str(caught.value)


async def test_function_injected_from_one_container():
    """`container.inject` fills from that container's scope, whichever is innermost."""
    container, other = (Container(provider(Thing, scope="app")) for _ in range(2))

    @container.inject
    async def work(thing: Inject[Thing]) -> Thing:
        return thing

    async with container.open() as app:
        async with other.open():
            assert await work() is await app.get(Thing)
    async with other.open():
        with pytest.raises(NoScopeError):
            await work()


async def test_one_function_under_two_containers():
    """`lifescope.inject` fills from whichever scope is current at the call."""
    first, second = Thing(), Thing()
    for thing in (first, second, first):
        async with Container(values={Thing: thing}).open() as app, app.open():
            assert (await coroutine(3))[1] is thing


# --- the call scope -------------------------------------------------------------------------


async def test_call_scope_around_a_coroutine_function(log):
    """G11: What lives in the scope "call" is released when the function returns."""

    @inject
    async def work(thing: Inject[Thing]) -> str:
        log(current_scope().name)
        return "done"

    async with Container(make(log, "call")).open() as app, app.open() as request:
        assert await work() == "done"
        assert log.events == ["acquire", "call", "release"]
        await work()
        assert current_scope() is request
    assert log.events == ["acquire", "call", "release"] * 2


async def test_call_scope_sees_the_error_of_the_function(log):
    """G4: An error that leaves the function is the outcome of its call scope."""

    @inject
    async def work(thing: Inject[Thing]) -> None:
        raise Broken

    async with Container(make(log, "call")).open() as app, app.open():
        with pytest.raises(Broken):
            await work()
        assert log.events == ["acquire", "saw Broken", "release"]


async def test_nested_calls_share_the_call_scope(log):
    """G11: An injected function that calls another one shares its call scope with it."""

    @inject
    async def inner(thing: Inject[Thing]) -> Thing:
        return thing

    @inject
    async def outer(thing: Inject[Thing]) -> None:
        assert await inner() is thing

    async with Container(make(log, "call")).open() as app, app.open():
        await outer()
    assert log.events == ["acquire", "release"]


async def test_call_scope_needs_a_request():
    """G11: The call scope is opened inside a request, and not directly in the app."""
    async with Container(provider(Thing, scope="call")).open():
        with pytest.raises(ScopeOrderError):
            await coroutine(3)


async def test_request_scoped_parameter_in_the_app_scope():
    """C09: A request-scoped parameter cannot be filled where no request is open."""
    async with Container(provider(Thing, scope="request")).open():
        with pytest.raises(ScopeOrderError):
            await coroutine(3)


# --- worker threads -------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["app", "request", "call"])
async def test_function_in_a_worker_thread(log, scope):
    """H03: In a worker thread a plain function gets also what must be awaited."""
    loop_thread = threading.get_ident()

    @inject
    def work(number: int, thing: Inject[Thing]) -> Thing:
        assert threading.get_ident() != loop_thread
        log(f"{number}")
        return thing

    with anyio.fail_after(5):
        async with Container(make(log, scope)).open() as app:
            async with app.open() as request:
                thing = await anyio.to_thread.run_sync(work, 3)
                assert isinstance(thing, Thing)
                if scope == "call":
                    assert log.events == ["acquire", "3", "release"]
                else:
                    assert await request.get(Thing) is thing
                    assert log.events == ["acquire", "3"]
    assert log.events == ["acquire", "3", "release"]


async def test_call_scope_is_current_in_the_worker_thread(log):
    """H03: Inside the function its call scope is the current one, and afterwards not any more."""

    @inject
    def work(thing: Inject[Thing]) -> str:
        return current_scope().name

    def thread() -> tuple[str, str]:
        return work(), current_scope().name

    with anyio.fail_after(5):
        async with Container(make(log, "call")).open() as app, app.open():
            assert await anyio.to_thread.run_sync(thread) == ("call", "request")


async def test_error_in_a_worker_thread(log):
    """G4: An error of a function in a thread arrives in the providers of its call scope."""

    @inject
    def work(thing: Inject[Thing]) -> None:
        raise Broken

    with anyio.fail_after(5):
        async with Container(make(log, "call")).open() as app, app.open():
            with pytest.raises(Broken):
                await anyio.to_thread.run_sync(work)
    assert log.events == ["acquire", "saw Broken", "release"]


async def test_many_worker_threads_share_a_request(log):
    """F02: Threads that ask at once for one request-scoped thing get one object."""
    barrier = threading.Barrier(5, timeout=5)
    seen: list[Thing] = []

    @inject
    def work(thing: Inject[Thing]) -> None:
        seen.append(thing)

    def thread() -> None:
        barrier.wait()
        work()

    with anyio.fail_after(10):
        async with Container(make(log, "request")).open() as app, app.open():
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(anyio.to_thread.run_sync, thread)
    assert len(seen) == 5
    assert len(set(map(id, seen))) == 1
    assert log.events == ["acquire", "release"]


# --- deferred annotations -------------------------------------------------------------------


async def test_deferred_annotations_with_local_classes():
    """Annotations that are strings may name classes of the function around."""
    container, coroutine, function, engine = deferred_local.local_injected()
    for call in (coroutine, function):
        assert list(inspect.signature(call).parameters) == ["number"]
    async with container.open() as app:
        assert await coroutine(3) == (3, await app.get(engine))
        assert function(3) == (3, await app.get(engine))


async def test_deferred_annotations_at_module_level():
    """Annotations that are strings may name what the module knows, also further down."""
    container = Container(
        provider(deferred_local.Session, scope="app"), provider(deferred_local.Later, scope="app")
    )
    async with container.open() as app:
        session = await app.get(deferred_local.Session)
        assert await deferred_local.module_level() == (session, None)
        assert await deferred_local.defined_below() is await app.get(deferred_local.Later)


async def test_deferred_alias():
    """An alias of `Inject[T]` works under deferred annotations as it does without."""
    alias = Inject[deferred_local.Session]

    @inject
    async def evaluated(session: alias) -> Any:
        return session

    async with Container(provider(deferred_local.Session, scope="app")).open() as app:
        session = await app.get(deferred_local.Session)
        assert await evaluated() is session
        assert await deferred_local.with_alias() is session


async def test_other_parameters_are_not_read():
    """Only injected parameters need annotations that can be evaluated."""
    async with Container(provider(deferred_local.Session, scope="app")).open() as app:
        session = await app.get(deferred_local.Session)
        assert await deferred_local.with_local_type_elsewhere() is session


async def test_unresolvable_annotation():
    """An injected parameter with an unknown name is an error that names it."""

    async def work(thing) -> None:
        raise AssertionError

    work.__annotations__["thing"] = "Inject[Unknown]"
    async with Container().open():
        with pytest.raises(UnresolvableAnnotationError) as caught:
            await inject(work)()
    assert (caught.value.name, caught.value.parameter) == ("work()", "thing")


# --- threads that anyio has not started -----------------------------------------------------


class Slow:
    pass


@provider(scope="request")
async def slow() -> AsyncIterator[Slow]:
    await anyio.lowlevel.checkpoint()
    yield Slow()


@inject
def in_a_thread(slow: Inject[Slow]) -> Slow:
    return slow


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], indirect=True, ids=["asyncio"])
async def test_function_in_a_thread_of_asyncio():
    """`asyncio.to_thread` runs with the caller's context, so the scope is there as well."""
    async with Container(slow).open() as app, app.open() as request:
        assert await asyncio.to_thread(in_a_thread) is await request.get(Slow)


async def test_function_in_a_bare_thread_with_a_copied_context():
    """A bare thread that is given a copy of the context can ask, as the error says."""
    found: list[Slow] = []

    async with Container(slow).open() as app, app.open() as request:
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: found.append(context.run(in_a_thread)))
        thread.start()
        while thread.is_alive():
            await anyio.lowlevel.checkpoint()
        assert found == [await request.get(Slow)]
