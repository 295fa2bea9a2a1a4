"""Group C: values that are not what their provider says (C13)."""

from abc import ABC
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, Generic, NewType, Protocol, TypeVar

import pytest

from lifescope import (
    Container,
    Factory,
    Lazy,
    LifescopeError,
    NotReadyError,
    WrongValueError,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request", "transient"]
T = TypeVar("T")


class A:
    pass


class SubA(A):
    pass


class Repo(Generic[T]):
    pass


class Proto(Protocol):
    pass


class Abstract(ABC):  # noqa: B024
    pass


Number = NewType("Number", int)


def kinds(log: Any, value: Any) -> dict[str, Callable[..., Any]]:
    def function() -> A:
        return value

    async def coroutine() -> A:
        return value

    def generator() -> Iterator[A]:
        try:
            yield value
        finally:
            log("release")

    async def async_generator() -> AsyncIterator[A]:
        try:
            yield value
        finally:
            log("release")

    class Manager:
        def __enter__(self) -> A:
            return value

        def __exit__(self, *_: object) -> None:
            log("release")

    @asynccontextmanager
    async def managed() -> AsyncIterator[A]:
        try:
            yield value
        finally:
            log("release")

    def manager() -> AbstractContextManager[A]:
        return Manager()

    def async_manager() -> AbstractAsyncContextManager[A]:
        return managed()

    every = (function, coroutine, generator, async_generator, manager, async_manager)
    return {each.__name__: each for each in every}


KINDS = list(kinds(None, None))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 3, A], ids=repr)
async def test_wrong_value(log, scope, kind, value):
    """C13: It is an error that names provider, line, key and type; nothing stays acquired."""
    function = kinds(log, value)[kind]
    container = Container(provider(function, scope=scope))
    async with container.open() as app, app.open() as request:
        with pytest.raises(WrongValueError) as caught:
            await request.get(A)
    error = caught.value
    assert isinstance(error, LifescopeError)
    assert isinstance(error, TypeError)
    assert error.key.form is A
    assert error.given == type(value).__qualname__
    assert f"{kind}()" in error.provider
    line = function.__code__.co_firstlineno
    for text in (f"test_wrong_values.py:{line}", "to provide A", "gave"):
        assert text in str(error)
    assert log.events == (["release"] if "generator" in kind or "manager" in kind else [])


async def test_values_are_not_printed():
    """K12: The error names the type of the value, and nothing of the value itself."""

    class Secret(str):
        __slots__ = ()

    container = Container(provider(lambda: Secret("hunter2"), scope="app", provides=Number))
    async with container.open() as app:
        await app.get(Number)  # a lambda says nothing, so there is nothing to check

    def secret() -> Number:
        return Secret("hunter2")

    async with Container(provider(secret, scope="app")).open() as app:
        with pytest.raises(WrongValueError, match="Secret") as caught:
            await app.get(Number)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scope", SCOPES)
async def test_others_are_released(log, scope):
    """C13, G3: What was acquired before is released, and it can be tried again."""
    values: list[Any] = [3, A()]

    @provider(scope=scope)
    async def text() -> AsyncIterator[str]:
        log("acquire str")
        yield "x"
        log("release str")

    @provider(scope=scope)
    async def a(text: str) -> A:
        return values.pop(0)

    async with Container(text, a).open() as app, app.open() as request:
        with pytest.raises(WrongValueError):
            await request.get(A)
        assert type(await request.get(A)) is A
    assert log.count("acquire str") == log.count("release str") == (2 if scope == SCOPES[2] else 1)


@pytest.mark.parametrize("kind", ["function", "generator"])
async def test_asked_without_awaiting(log, kind):
    """C13: `get_nowait` checks the same."""
    container = Container(provider(kinds(log, 3)[kind], scope="request"))
    async with container.open() as app, app.open() as request:
        with pytest.raises((WrongValueError, NotReadyError)) as caught:
            request.get_nowait(A)
        assert type(caught.value) is WrongValueError


async def test_through_handles(log):
    """C13, B13, B14: Handles give nothing wrong either."""
    container = Container(provider(kinds(log, 3)["generator"], scope="request"))
    async with container.open() as app, app.open() as request:
        with pytest.raises(WrongValueError):
            await (await request.get(Lazy[A]))
        with pytest.raises(WrongValueError):
            async with (await request.get(Factory[A]))():
                raise AssertionError
    assert log.events == ["release"] * 2


async def test_in_a_list_and_in_a_decorator():
    """C13, B03, B16: What a contribution or a decorator gives is checked like the rest."""

    @provider(scope="app", many=True)
    def member() -> A:
        return 3

    @provider(scope="app", decorate=True)
    def decorator(number: int) -> int:
        return "x"

    async with Container(member, decorator, values={int: 1}).open() as app:
        with pytest.raises(WrongValueError, match=r"member\(\)"):
            await app.get(list[A])

    container = Container(decorator, provider(lambda: 1, scope="app", provides=int))
    async with container.open() as app:
        with pytest.raises(WrongValueError, match=r"decorator\(\)"):
            await app.get(int)


def str_of(form_or_value: Any) -> str:
    """Without an address, which differs between the workers of a test run."""
    text = str(form_or_value)
    return type(form_or_value).__name__ if " at 0x" in text else text


def returning(form: Any, value: Any) -> Any:
    def make() -> Any:
        return value

    make.__annotations__ = {"return": form}
    return provider(make, scope="app", provides=Proto)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (A, SubA()),
        (A | None, None),
        (A | None, A()),
        (int | str, "x"),
        (int | str, 1.5),
        (Any, None),
        (object, 3),
        (Proto, 3),
        (Abstract, 3),
        (Repo[int], Repo()),
        (list[int], ["x"]),
        (Number, 3),
        (type[A], A),
        (Callable[[], int], len),
        (float, 1.5),
    ],
    ids=str_of,
)
async def test_what_is_let_through(form, value):
    """C13: What fits, or cannot be checked cheaply, is given as it is."""
    async with Container(returning(form, value)).open() as app:
        assert await app.get(Proto) is value


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (int | str, None),
        (Proto, None),
        (Abstract, None),
        (Repo[int], A()),
        (Repo[int], None),
        (list[int], {}),
        (Number, "x"),
        (bytes, "x"),
    ],
    ids=str_of,
)
async def test_what_is_not_let_through(form, value):
    """C13: None is never what was meant, and neither is an object of another class."""
    async with Container(returning(form, value)).open() as app:
        with pytest.raises(WrongValueError, match=r"make\(\)") as caught:
            await app.get(Proto)
        assert caught.value.key.form is Proto


async def test_open_generic():
    """C13, B08: An instance of an open generic is checked against the class."""

    @provider(scope="app")
    def repo() -> Repo[T]:
        return 3

    async with Container(repo).open() as app:
        with pytest.raises(WrongValueError, match=r"repo\(\)") as caught:
            await app.get(Repo[int])
        assert caught.value.key.form == Repo[int]


async def test_fake_may_be_anything():
    """I10: What replaces a provider in a test is not checked, unless it is None by mistake."""

    def fake() -> A:
        return 3

    container = Container(provider(A, scope="app"))
    with container.override(A, provider(fake, scope="app")):
        async with container.open() as app:
            assert await app.get(A) == 3
