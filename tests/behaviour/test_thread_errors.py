"""Errors of providers that run in worker threads, and what cannot run there."""

import contextvars
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Self

import pytest

from lifescope import (
    Container,
    InvalidProviderError,
    NotReadyError,
    NoYieldError,
    SecondYieldError,
    WrongValueError,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]
LOOP_THREAD: contextvars.ContextVar[int] = contextvars.ContextVar("LOOP_THREAD")


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


def in_loop() -> bool:
    return threading.get_ident() == LOOP_THREAD.get()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["function", "generator", "class"])
async def test_error_in_a_thread(scope, kind):
    """K05, D13: An error comes out as itself, with a note, and the next ask tries again."""
    error, attempts = Broken("A"), []

    def fail() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise error

    def function() -> A:
        fail()
        return A()

    def generator() -> Iterator[A]:
        fail()
        yield A()

    class Plain(A):
        def __init__(self) -> None:
            fail()

    target = {"function": function, "generator": generator, "class": Plain}[kind]
    container = Container(provider(target, scope=scope, thread=True, provides=A))
    async with container.open() as app, app.open() as request:
        with pytest.raises(Broken) as caught:
            await request.get(A)
        assert caught.value is error
        assert any(target.__name__ in n and "test_thread_errors.py:" in n for n in error.__notes__)
        assert isinstance(await request.get(A), A)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["generator", "manager"])
async def test_error_in_a_release(log, scope, kind):
    """D04: An error of a release comes out as itself, and the other releases run."""
    error = Broken("release")

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        yield A()
        log("release A")

    @contextmanager
    def generator(a: A) -> Iterator[B]:
        yield B(a)
        raise error

    def manager(a: A) -> AbstractContextManager[B]:
        return generator(a)

    target = generator if kind == "generator" else manager
    with pytest.raises(Broken) as caught:
        async with Container(a, provider(target, scope=scope, thread=True)).open() as app:
            async with app.open() as request:
                await request.get(B)
    assert caught.value is error
    assert any(f"{kind}()" in note and "releasing" in note for note in error.__notes__)
    assert log.events == ["release A"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("swallow", [False, True])
async def test_outcome_in_a_thread(log, scope, swallow):
    """D08, D09: The error of the body is thrown in at the yield, and hidden from nobody."""
    error = Broken("body")

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        try:
            yield A()
        except Broken as caught:
            log(f"saw {caught is error}")
            if not swallow:
                raise

    with pytest.raises(Broken) as caught:
        async with Container(a).open() as app, app.open() as request:
            await request.get(A)
            raise error
    assert caught.value is error
    assert log.events == ["saw True"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("yields", [0, 2])
async def test_wrong_number_of_yields(log, scope, yields):
    """D11, D12: A generator that does not yield once is an error naming provider and line."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            log("release A")

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        for _ in range(yields):
            yield B(a)

    with pytest.raises(SecondYieldError if yields else NoYieldError) as caught:
        async with Container(a, b).open() as app, app.open() as request:
            await request.get(B)
    assert "b()" in caught.value.provider
    assert f"test_thread_errors.py:{b.__code__.co_firstlineno}" in str(caught.value)
    assert log.events == ["release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_wrong_value_from_a_thread(log, scope):
    """C13: What is not what it says is released in its thread, and named."""
    LOOP_THREAD.set(threading.get_ident())

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        try:
            yield 3
        finally:
            log(f"release {in_loop()}")

    async with Container(a).open() as app, app.open() as request:
        with pytest.raises(WrongValueError, match=r"a\(\) .* type int") as caught:
            await request.get(A)
    assert re.search(r"a\(\) +\w+ +\S*test_thread_errors\.py:\d+", str(caught.value))
    assert log.events == ["release False"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["function", "generator"])
async def test_asked_without_awaiting(log, scope, kind):
    """B01: Without awaiting, what needs a thread is not ready, and the error names it."""

    def function() -> A:
        log("acquire")
        return A()

    def generator() -> Iterator[A]:
        log("acquire")
        yield A()

    target = function if kind == "function" else generator
    container = Container(provider(target, scope=scope, thread=True))
    async with container.open() as app, app.open() as request:
        with pytest.raises(NotReadyError) as caught:
            request.get_nowait(A)
        assert caught.value.key.form is A
        assert f"{kind}()" in caught.value.provider
        assert "test_thread_errors.py:" in str(caught.value)
        assert log.events == []
        made = await request.get(A)
        assert request.get_nowait(A) is made


def async_kinds() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    async def coroutine() -> A: ...

    async def generator() -> AsyncIterator[A]:
        yield A()

    @asynccontextmanager
    async def decorated() -> AsyncIterator[A]:
        yield A()

    def manager() -> AbstractAsyncContextManager[A]: ...

    class Entered(A):
        async def __aenter__(self) -> Self: ...

        async def __aexit__(self, *_: object) -> None: ...

    class Callable(A):
        async def __call__(self) -> A: ...

    return {
        "coroutine": (coroutine, {}),
        "generator": (generator, {}),
        "decorated": (decorated, {}),
        "manager": (manager, {}),
        "Entered": (Entered, {"enter": True}),
        "Callable": (Callable(), {"provides": A}),
    }


@pytest.mark.parametrize("kind", async_kinds())
def test_thread_for_what_is_async(kind):
    """C13: `thread=True` is for code that blocks: anything async is refused, by name."""
    target, options = async_kinds()[kind]
    with pytest.raises(InvalidProviderError) as caught:
        Container(provider(target, scope="app", thread=True, **options))
    assert kind in caught.value.name
    assert caught.value.place is not None
    assert "thread=True" in str(caught.value)
    assert "test_thread_errors.py:" in str(caught.value)
