"""Group B: `decorate=True` together with overrides, handles and `replace=True`."""

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

import pytest

from lifescope import (
    Container,
    Factory,
    Lazy,
    provider,
)

pytestmark = pytest.mark.anyio

T = TypeVar("T")
SCOPES = ["app", "request", "transient"]


class Store:
    inner: "Store | None" = None

    def __init__(self, name: str = "base") -> None:
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}({self.inner or ''})"


class Cache:
    pass


class Repo(Generic[T]):
    inner: Any = None


class User:
    pass


def wrapped(store: Store, name: str) -> Store:
    made = Store(name)
    made.inner = store
    return made


def base(log: Any, scope: str = "app", **options: Any) -> Any:
    async def make() -> AsyncIterator[Store]:
        log("acquire base")
        yield Store()
        log("release base")

    return provider(make, scope=scope, **options)


def wrap(log: Any, name: str, scope: str = "app", **options: Any) -> Any:
    async def decorator(store: Store) -> AsyncIterator[Store]:
        log(f"acquire {name}")
        yield wrapped(store, name)
        log(f"release {name}")

    return provider(decorator, scope=scope, decorate=True, **options)


async def test_override_of_a_decorated_key(log):
    """I07: Under an override neither the base nor the decorators run."""
    container, fake = Container(base(log), wrap(log, "one"), wrap(log, "two")), Store("fake")
    with container.override(Store, fake):
        async with container.open() as app:
            assert await app.get(Store) is fake
    assert log.events == []
    with container.override(Store, provider(lambda: fake, scope="request", provides=Store)):
        async with container.open() as app, app.open() as request:
            assert await request.get(Store) is fake
    assert log.events == []
    async with container.open() as app:
        assert str(await app.get(Store)) == "two(one(base()))"


async def test_override_of_a_key_that_an_open_decorator_wraps():
    """I07: An open decorator leaves what is overridden alone, and wraps the others."""

    def repo() -> Repo[T]:
        return Repo()

    def decorator(inner: Repo[T]) -> Repo[T]:
        made = Repo[Any]()
        made.inner = inner
        return made

    container, fake = (
        Container(provider(repo, scope="app"), provider(decorator, scope="app", decorate=True)),
        Repo[User](),
    )
    with container.override(Repo[User], fake):
        async with container.open() as app:
            assert await app.get(Repo[User]) is fake
            assert (await app.get(Repo[int])).inner is not None


async def test_override_of_what_a_decorator_needs(log):
    """I09: A decorator is made with what is overridden."""

    @provider(scope="app", decorate=True)
    def decorator(store: Store, name: str) -> Store:
        return wrapped(store, name)

    container = Container(base(log), decorator, values={str: "x"})
    with container.override(str, "y"):
        async with container.open() as app:
            assert str(await app.get(Store)) == "y(base())"


@pytest.mark.parametrize("scope", SCOPES)
async def test_factory_of_a_decorated_key(log, scope):
    """B14, B16: Each block has a base and decorators of its own, released with it."""
    parts = [base(log, scope), wrap(log, "one", scope), wrap(log, "two", scope)]
    async with Container(parts).open() as app, app.open() as request:
        shared = await request.get(Store)
        before = len(log.events)
        async with (await request.get(Factory[Store]))() as made:
            assert str(made) == "two(one(base()))"
            assert made is not shared
            assert made.inner is not shared.inner
            assert made.inner.inner is not shared.inner.inner
        assert log.events[before:] == [
            *("acquire base", "acquire one", "acquire two"),
            *("release two", "release one", "release base"),
        ]


async def test_factory_of_a_decorated_value():
    """B14, B16: A value is wrapped anew; it stays what it is."""
    value = Store("value")

    @provider(scope="app", decorate=True)
    def decorator(store: Store) -> Store:
        return wrapped(store, "one")

    async with Container(decorator, values={Store: value}).open() as app:
        async with (await app.get(Factory[Store]))() as made:
            assert made is not await app.get(Store)
            assert made.inner is value


async def test_lazy_of_a_decorated_key(log):
    """B13, B16: A handle leads to the outermost object."""
    async with Container(base(log), wrap(log, "one")).open() as app:
        lazy = await app.get(Lazy[Store])
        assert log.events == []
        assert await lazy is await app.get(Store)
        assert str(await lazy) == "one(base())"


async def test_replaced_base_is_decorated(log):
    """B02, B16: `replace=True` replaces the base; decorators wrap what takes its place."""
    other = provider(lambda: Store("other"), scope="app", provides=Store, replace=True)
    async with Container(base(log), wrap(log, "one"), other).open() as app:
        assert str(await app.get(Store)) == "one(other())"
    assert "acquire base" not in log.events


async def test_decorator_that_takes_itself_as_optional(log):
    """B10, B16: What it wraps may be optional."""

    def decorator(store: Store | None) -> Store:
        return wrapped(store, "one") if store else Store("none")

    wraps = provider(decorator, scope="app", decorate=True)
    async with Container(base(log), wraps).open() as app:
        assert str(await app.get(Store)) == "one(base())"
