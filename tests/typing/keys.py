"""`get`, `get_nowait` and `override` know the type of what a key stands for."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Generic, NewType, Protocol, TypeVar, assert_type

from lifescope import Container, Named, OpenScope, current_scope, provider, supplied


class Engine:
    """A class."""


class Clock(Protocol):
    """A protocol, which cannot be instantiated."""

    def now(self) -> float: ...


class Mailer(ABC):
    """An abstract class."""

    @abstractmethod
    def send(self) -> None: ...


T = TypeVar("T")


class Repository(Generic[T]):
    """A generic class."""


UserId = NewType("UserId", int)
Replica = Annotated[Engine, Named("replica")]


@provider(scope="app")
async def engine() -> AsyncIterator[Engine]:
    yield Engine()


container = Container(engine, supplied(int, scope="request", name="limit"))


async def asks_for_every_kind_of_key(scope: OpenScope) -> None:
    assert_type(await scope.get(Engine), Engine)
    assert_type(await scope.get(Clock), Clock)
    assert_type(await scope.get(Mailer), Mailer)
    assert_type(await scope.get(list[int]), list[int])
    assert_type(await scope.get(dict[str, Engine]), dict[str, Engine])
    assert_type(await scope.get(Repository[Engine]), Repository[Engine])
    assert_type(await scope.get(Annotated[Engine, Named("replica")]), Engine)
    assert_type(await scope.get(Replica), Engine)
    assert_type(await scope.get(UserId), UserId)
    assert_type(await scope.get(Engine | None), Engine | None)
    assert_type(await scope.get(type[Engine]), type[Engine])
    assert_type(await scope.get(Callable[[int], str]), Callable[[int], str])


async def asks_without_awaiting(scope: OpenScope) -> None:
    assert_type(scope.get_nowait(Engine), Engine)
    assert_type(scope.get_nowait(Clock), Clock)
    assert_type(scope.get_nowait(list[int]), list[int])
    assert_type(scope.get_nowait(Annotated[Engine, Named("replica")]), Engine)
    assert_type(scope.get_nowait(UserId), UserId)


async def asks_the_container() -> None:
    assert_type(await container.get(Engine), Engine)
    assert_type(await container.get(Clock), Clock)


async def opens_scopes() -> None:
    async with container.open() as scope:
        assert_type(scope, OpenScope)
        assert_type(scope.name, str)
        assert_type(scope.parent, OpenScope | None)
        assert_type(scope.closed, bool)
        async with scope.open("request", values={int: 3}) as request:
            assert_type(request, OpenScope)
        async with scope.open() as inner:
            assert_type(inner, OpenScope)
    async with container.open(values={int: 3}) as scope:
        assert_type(scope, OpenScope)
    assert_type(current_scope(), OpenScope)
