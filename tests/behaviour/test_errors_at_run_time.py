"""What is raised at the wrong time or place, and what comes through as itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import anyio
import pytest

import lifescope
from lifescope import (
    Container,
    LifescopeError,
    MissingProviderError,
    Named,
    NotReadyError,
    NoYieldError,
    OpenScope,
    ScopeOrderError,
    SecondYieldError,
    SuppliedValueError,
    UnknownScopeError,
    provider,
    supplied,
)

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


# --- missing and in another scope -----------------------------------------------------------


@pytest.mark.parametrize("way", ["get", "get_nowait"])
async def test_missing(way):
    """B06: A key that nothing provides is a MissingProviderError, which is a LookupError."""

    class Base:
        pass

    class Derived(Base):
        pass

    async with Container(provider(Derived, scope="app")).open() as app:
        with pytest.raises(MissingProviderError) as caught:
            await app.get(Base) if way == "get" else app.get_nowait(Base)
    error = caught.value
    assert isinstance(error, LookupError)
    assert error.key.form is Base
    assert error.chain == ()
    assert [s.provider.target for s in error.suggestions] == [Derived]
    assert "nothing provides Base" in str(error)


@pytest.mark.parametrize("way", ["get", "get_nowait"])
@pytest.mark.parametrize(
    ("lives", "asked_in"), [("request", "app"), ("call", "app"), ("call", "request")]
)
async def test_narrower_scope(way, lives, asked_in):
    """C09: What lives in a narrower scope cannot be asked for in a wider one."""

    @provider(scope=lives)
    def make_a() -> A:
        raise AssertionError

    async with Container(make_a).open() as app, app.open() as request:
        scope = app if asked_in == "app" else request
        with pytest.raises(ScopeOrderError) as caught:
            await scope.get(A) if way == "get" else scope.get_nowait(A)
    error = caught.value
    assert (error.key.form, error.scope, error.asked_in) == (A, lives, asked_in)
    for text in ("make_a()", "test_errors_at_run_time.py:", f'"{lives}"', f'"{asked_in}"'):
        assert text in str(error)


async def test_narrower_scope_through_a_transient():
    """C10: A transient that needs something request-scoped cannot be asked for in the app."""
    container = Container(provider(B, scope="transient"), provider(A, scope="request"))
    async with container.open() as app:
        with pytest.raises(ScopeOrderError) as caught:
            await app.get(B)
        assert caught.value.key.form is B
        assert caught.value.provider.startswith("A")
        async with app.open() as request:
            assert (await request.get(B)).a is await request.get(A)


@pytest.mark.parametrize(("name", "inside"), [("app", "app"), ("app", "request"), (None, "call")])
async def test_opening_a_scope_that_is_not_narrower(name, inside):
    """A03: Only narrower scopes can be opened."""
    async with Container().open() as app, app.open("call") as call:
        scopes = {"app": app, "request": call.parent, "call": call}
        with pytest.raises(ScopeOrderError):
            async with scopes[inside].open(name):
                raise AssertionError


async def test_opening_a_scope_that_does_not_exist():
    """H10: A scope that the container does not have is an error that lists those it has."""
    async with Container(scopes=("app", "job")).open() as app:
        with pytest.raises(UnknownScopeError) as caught:
            async with app.open("jobb"):
                raise AssertionError
    assert caught.value.scope == "jobb"
    assert '"app", "job"' in str(caught.value)


# --- supplied values ------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["app", "request", "call"])
async def test_supplied_value_is_missing(scope):
    """C18: Opening a scope without a value that was declared for it is an error at once."""
    container = Container(supplied(int, scope=scope), supplied(str, scope=scope, name="region"))
    with pytest.raises(SuppliedValueError) as caught:
        async with container.open() as app, app.open("call"):
            raise AssertionError
    error = caught.value
    assert error.scope == scope
    assert [(key.form, key.name) for key in error.missing] == [(int, None), (str, "region")]
    assert error.unknown == ()
    for text in (f'"{scope}"', "Missing:\n    - int", 'str (named "region")'):
        assert text in str(error)


async def test_value_that_is_not_declared():
    """C18: A value that was not declared for the scope is an error at once."""
    async with Container(supplied(int, scope="request")).open() as app:
        with pytest.raises(SuppliedValueError) as caught:
            async with app.open(values={int: 1, str: "secret"}):
                raise AssertionError
        with pytest.raises(SuppliedValueError):
            async with app.open("call", values={int: 1}):
                raise AssertionError
    assert [key.form for key in caught.value.unknown] == [str]
    assert "secret" not in str(caught.value)


async def test_value_for_a_provided_key():
    """C18: A key that has a provider is not one to hand in."""
    async with Container(provider(A, scope="request")).open() as app:
        with pytest.raises(SuppliedValueError):
            async with app.open(values={A: A()}):
                raise AssertionError


async def test_nothing_stays_open_after_values_that_do_not_fit(log):
    """C18: Where values do not fit, nothing has been opened."""
    async with Container(supplied(int, scope="call")).open() as app:
        with pytest.raises(SuppliedValueError):
            async with app.open("call"):
                raise AssertionError
        assert lifescope.current_scope() is app


async def test_value_may_be_handed_in_later():
    """C18: An adapter may hand a value in after opening; who asked before keeps what it got."""
    async with Container(supplied(int, scope="request")).open() as app:
        async with app.open(values={int: 1}) as request:
            request.supply({int: 2})
            assert await request.get(int) == 1
            with pytest.raises(SuppliedValueError):
                request.supply({str: "x"})


# --- without awaiting -----------------------------------------------------------------------


async def coroutine_function() -> A:
    return A()


async def async_generator() -> AsyncIterator[A]:
    yield A()


class Manager:
    async def __aenter__(self) -> A:
        return A()

    async def __aexit__(self, *_: object) -> None: ...


def async_context_manager() -> AbstractAsyncContextManager[A]:
    return Manager()


@pytest.mark.parametrize("scope", ["app", "request"])
@pytest.mark.parametrize("needs", ["itself", "what it needs"])
@pytest.mark.parametrize("function", [coroutine_function, async_generator, async_context_manager])
async def test_not_ready(scope, needs, function):
    """C14: Without awaiting, what must be awaited is an error that names it, until it is ready."""
    form = A if needs == "itself" else B
    container = Container(provider(function, scope=scope), provider(B, scope=scope))
    async with container.open() as app, app.open() as request:
        with pytest.raises(NotReadyError) as caught:
            request.get_nowait(form)
        assert caught.value.key.form in (form, A)
        assert f"{function.__name__}()" in str(caught.value)
        assert "test_errors_at_run_time.py:" in str(caught.value)
        a = await request.get(A)
        assert request.get_nowait(A) is a
        assert request.get_nowait(B).a is a


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
async def test_ready_without_awaiting(scope):
    """C14: What needs no await is made at once."""
    container = Container(provider(A, scope=scope), provider(B, scope=scope))
    async with container.open() as app, app.open() as request:
        b = request.get_nowait(B)
        assert isinstance(b.a, A)
        assert (request.get_nowait(B) is b) is (scope != "transient")
        if scope != "transient":
            assert await request.get(B) is b


async def test_generator_without_awaiting(log):
    """C14: A sync generator is entered without awaiting, and released with its scope."""

    @provider(scope="request")
    def a() -> Iterator[A]:
        yield A()
        log("released")

    async with Container(a).open() as app, app.open() as request:
        assert request.get_nowait(A) is request.get_nowait(A)
        assert log.events == []
    assert log.events == ["released"]


async def test_being_made_is_not_ready():
    """C14: What another task is making at the moment is not ready yet."""
    reached, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        reached.set()
        await go_on.wait()
        yield A()

    with anyio.fail_after(5):
        async with Container(a).open() as app, anyio.create_task_group() as group:
            group.start_soon(app.get, A)
            await reached.wait()
            with pytest.raises(NotReadyError):
                app.get_nowait(A)
            go_on.set()


@pytest.mark.parametrize("way", ["get_nowait", "call"])
async def test_value_of_the_container_is_always_ready(way):
    """C14: A value of the container can be had without awaiting, in every scope."""

    def give(number: int) -> int:
        return number

    async with Container(values={int: 3}).open() as app, app.open("call") as call:
        for scope in (app, call.parent, call):
            got = scope.get_nowait(int) if way == "get_nowait" else await scope.call(give)
            assert got == 3


# --- generators -----------------------------------------------------------------------------


async def test_yields_are_counted():
    """D11, D12: NoYieldError and SecondYieldError are told apart, and carry their provider."""

    @provider(scope="request")
    def none() -> Iterator[A]:
        yield from ()

    @provider(scope="request")
    def two() -> Iterator[B]:
        yield B(A())
        yield B(A())

    with pytest.raises(SecondYieldError) as second:
        async with Container(none, two).open() as app, app.open() as request:
            with pytest.raises(NoYieldError) as first:
                request.get_nowait(A)
            request.get_nowait(B)
    assert "none()" in first.value.provider
    assert "two()" in second.value.provider
    assert first.value.__cause__ is None


# --- calling --------------------------------------------------------------------------------


async def test_call_fills_what_is_not_passed():
    """C16: `scope.call` fills parameters by their annotations; what is passed by hand wins."""

    async def work(size: int, a: A, /, b: B, *, name: str = "none", c: B | None = None) -> Any:
        await anyio.lowlevel.checkpoint()
        return size, a, b, name, c

    async with Container(provider(A, scope="app"), provider(B, scope="app")).open() as app:
        a, b = await app.get(A), await app.get(B)
        other = B(a)
        assert await app.call(work, 1, a, name="x") == (1, a, b, "x", b)
        assert await app.call(work, 1, a, other, c=None) == (1, a, other, "none", None)


async def test_call_with_a_missing_parameter():
    """C01: What cannot be filled is an error that names the function and the parameter."""

    def work(a: A) -> None:
        raise AssertionError

    async with Container().open() as app:
        with pytest.raises(MissingProviderError) as caught:
            await app.call(work)
    (link,) = caught.value.chain
    assert (link.name, link.parameter) == ("work()", "a")
    assert f"test_errors_at_run_time.py:{work.__code__.co_firstlineno}" in str(caught.value)


async def test_call_opens_a_call_scope(log):
    """G11: What lives in the scope "call" ends when the called function returns."""

    @provider(scope="call")
    async def a() -> AsyncIterator[A]:
        yield A()
        log("released")

    async def work(a: A) -> str:
        log("working")
        return "done"

    async with Container(a).open() as app:
        async with app.open() as request:
            assert await request.call(work) == "done"
            assert log.events == ["working", "released"]
        with pytest.raises(ScopeOrderError) as caught:
            await app.call(work)
        assert caught.value.scope == "call"


async def test_error_of_a_called_function_is_the_outcome_of_its_call_scope(log):
    """D08: An error that leaves the called function arrives in the providers of its call."""

    @provider(scope="call")
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        except Broken:
            log("rolled back")
            raise

    async def work(a: A) -> None:
        raise Broken

    async with Container(a).open() as app, app.open() as request:
        with pytest.raises(Broken):
            await request.call(work)
    assert log.events == ["rolled back"]


# --- what comes through as itself -----------------------------------------------------------


class Unequal(Exception):
    def __init__(self, one: int, two: int) -> None:
        self.parts = (one, two)


def failing(kind: str, error: BaseException) -> Any:
    async def coroutine() -> A:
        raise error

    async def agen() -> AsyncIterator[A]:
        raise error
        yield A()

    def function() -> A:
        raise error

    def generator() -> Iterator[A]:
        raise error
        yield A()

    functions = (coroutine, agen, function, generator)
    return next(f for f in functions if f.__name__ == kind)


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", ["coroutine", "agen", "function", "generator"])
@pytest.mark.parametrize("asker", ["get", "dependent", "call", "other task"])
async def test_user_exceptions_come_through(scope, kind, asker):
    """K05: What a provider raises comes out as itself, with a note naming it and its line."""
    error = Unequal(1, 2)
    function = failing(kind, error)

    def work(b: B) -> None:
        raise AssertionError

    async with Container(
        provider(function, scope=scope), provider(B, scope="request")
    ).open() as app:
        async with app.open() as request:
            with pytest.raises(Unequal) as caught:
                if asker == "get":
                    await request.get(A)
                elif asker == "dependent":
                    await request.get(B)
                elif asker == "call":
                    await request.call(work)
                else:
                    await in_other_task(request)
    assert caught.value is error
    assert error.parts == (1, 2)
    assert error.__cause__ is None
    notes = [note for note in error.__notes__ if f"{kind}()" in note]
    assert len(notes) == 1
    assert f"test_errors_at_run_time.py:{function.__code__.co_firstlineno}" in notes[0]


async def in_other_task(scope: OpenScope) -> None:
    errors: list[Exception] = []

    async def run() -> None:
        try:
            await scope.get(A)
        except Unequal as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
    raise errors[0]


async def test_lookup_error_of_a_provider_is_not_taken_for_ours():
    """K05: A KeyError in a provider is not a missing provider."""

    def make() -> A:
        return {}["x"]

    async with Container(provider(make, scope="app")).open() as app:
        with pytest.raises(KeyError) as caught:
            await app.get(A)
    assert not isinstance(caught.value, LifescopeError)


async def test_error_is_noted_once_however_often_it_is_raised():
    """K05: One error object that is raised again does not collect the same note again."""
    error = Broken()

    def make() -> A:
        raise error

    async with Container(provider(make, scope="app")).open() as app:
        for _ in range(3):
            with pytest.raises(Broken):
                await app.get(A)
    assert len(error.__notes__) == 1


def test_every_error_is_a_lifescope_error():
    """K01: All public error classes have one base, and are exported where they are documented."""
    classes = [
        value
        for value in vars(lifescope.errors).values()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ == "lifescope.errors"
        and not value.__name__.startswith("_")
    ]
    assert len(classes) > 20
    for each in classes:
        assert issubclass(each, LifescopeError)
        assert getattr(lifescope, each.__name__) is each


async def test_named_key_is_spelled_with_its_name():
    """B06: Messages tell a qualified key from a plain one."""
    async with Container().open() as app:
        with pytest.raises(MissingProviderError, match=r'A \(named "x"\)'):
            await app.get(Annotated[A, Named("x")])
