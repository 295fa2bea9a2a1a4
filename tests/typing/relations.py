"""`Lazy[T]`, `Factory[T]` and `Current[T]` give a T, to whoever awaits or enters them."""

from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Generic, TypeVar, assert_type

import lifescope.integrations.fastapi
from lifescope import Container, Current, Factory, Inject, Lazy, Named, OpenScope, inject, provider

T = TypeVar("T")


class Engine:
    """Asked for later."""


class FastEngine(Engine):
    """A special one."""


class Repository(Generic[T]):
    """A generic class."""


class Service:
    """What a user writes: it knows the three types, and nothing else of lifescope."""

    def __init__(
        self, lazy: Lazy[Engine], factory: Factory[Engine], current: Current[Engine]
    ) -> None:
        self.lazy = lazy
        self.factory = factory
        self.current = current

    async def use(self) -> None:
        assert_type(await self.lazy, Engine)
        assert_type(await self.current, Engine)
        async with self.factory() as engine:
            assert_type(engine, Engine)
        assert_type(self.factory(), AbstractAsyncContextManager[Engine])


@provider(scope="request")
def service(
    optional: Lazy[Engine] | None,
    of_optional: Lazy[Engine | None],
    many: Lazy[list[Engine]],
    named: Factory[Annotated[Engine, Named("replica")]],
) -> Service:
    if optional is not None:
        waited: Lazy[Engine] = optional
        del waited
    del of_optional, many, named
    raise NotImplementedError


@provider(scope="app", many=True)
def contribution() -> Engine:
    return Engine()


@provider(scope="app", decorate=True)
def decorator(engine: Engine) -> Engine:
    return engine


@provider(scope="app", thread=True, start_timeout=3)
def repository(model: type[T]) -> Repository[T]:
    del model
    return Repository()


async def asks(scope: OpenScope, container: Container) -> None:
    lazy = await scope.get(Lazy[Engine])
    assert_type(await lazy, Engine)
    factory = await scope.get(Factory[Engine])
    async with factory() as engine, factory() as other:
        assert_type(engine, Engine)
        assert_type(other, Engine)
    current = await container.get(Current[Engine])
    assert_type(await current, Engine)
    assert_type(await scope.get_nowait(Lazy[Engine]), Engine)
    assert_type(await (await scope.get(Lazy[list[Engine]])), list[Engine])
    assert_type(await (await scope.get(Lazy[Engine | None])), Engine | None)
    assert_type(await scope.get(Repository[Engine]), Repository[Engine])


@inject
async def job(lazy: Inject[Lazy[Engine]], factory: Inject[Factory[Engine]]) -> None:
    assert_type(await lazy, Engine)
    async with factory() as engine:
        assert_type(engine, Engine)


async def path_function(
    lazy: lifescope.integrations.fastapi.Inject[Lazy[Engine]],
    current: lifescope.integrations.fastapi.Inject[Current[Engine]],
) -> None:
    assert_type(await lazy, Engine)
    assert_type(await current, Engine)


class Ready(Generic[T]):
    """What a test passes instead of a handle; it needs nothing of lifescope."""

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, T]:
        yield
        return self._value


@asynccontextmanager
async def make() -> AsyncGenerator[FastEngine]:
    yield FastEngine()


def by_hand() -> Service:
    """They are covariant protocols: whatever gives a special T will do."""
    return Service(Ready(FastEngine()), make, Ready(Engine()))
