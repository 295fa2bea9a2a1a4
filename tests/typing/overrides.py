"""An override is a context manager, sync and async, and a decorator."""

from collections.abc import AsyncIterator
from typing import Annotated, Protocol, assert_type

from lifescope import Container, Named, provider


class Clock(Protocol):
    """A protocol as a key."""

    def now(self) -> float: ...


class Fake:
    """Stands in for a Clock."""

    def now(self) -> float:
        return 0.0


@provider(scope="app")
async def fake_clock() -> AsyncIterator[Clock]:
    yield Fake()


container = Container(fake_clock)


def sync_with() -> None:
    with container.override(Clock, Fake()):
        pass
    with container.override(Clock, fake_clock) as override:
        with override:
            pass
    with container.override({Clock: Fake(), int: 3}):
        pass
    with container.override(Annotated[int, Named("limit")], 3):
        pass
    with container.override(list[int], provider(lambda: [1], scope="app")):
        pass


async def async_with() -> None:
    async with container.override(Clock, Fake()):
        pass


@container.override(Clock, Fake())
def decorated(number: int) -> str:
    return str(number)


@container.override({Clock: fake_clock})
async def decorated_coroutine_function(number: int) -> str:
    return str(number)


async def keeps_the_types_of_what_is_decorated() -> None:
    assert_type(decorated(1), str)
    assert_type(await decorated_coroutine_function(1), str)
