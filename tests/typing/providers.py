"""`@provider` gives back what it marks; called directly, it gives a record."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, assert_type

from lifescope import Container, provider, supplied
from lifescope._model.provider import Declaration


class Engine:
    """Declared by functions."""


@provider(scope="app")
class Service:
    """Declared by its class."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine


@provider(scope="app")
def function(url: str) -> Engine:
    return Engine()


@provider(scope="app")
async def coroutine_function(url: str) -> Engine:
    return Engine()


@provider(scope="app", eager=False)
def generator_function() -> Iterator[Engine]:
    yield Engine()


@provider(scope="request", name="replica")
async def async_generator_function(engine: Engine) -> AsyncIterator[Engine]:
    yield engine


@provider(scope="app", provides=(Engine, Service), replace=True)
@asynccontextmanager
async def manager_function(url: str) -> AsyncGenerator[Service]:
    yield Service(Engine())


async def calls_what_is_marked() -> None:
    """What is marked stays an ordinary function or class, that a test can call."""
    assert_type(function("url"), Engine)
    assert_type(await coroutine_function("url"), Engine)
    assert_type(generator_function(), Iterator[Engine])
    assert_type(async_generator_function(Engine()), AsyncIterator[Engine])
    assert_type(Service(Engine()), Service)
    assert_type(Service(Engine()).engine, Engine)
    async with manager_function("url") as service:
        assert_type(service, Service)


class Special(Service):
    """A marked class can be derived from."""


takes_a_url: Callable[[str], Engine] = function
gives_a_manager: Callable[[str], AbstractAsyncContextManager[Service]] = manager_function

assert_type(provider(Engine, scope="app"), Declaration)
assert_type(provider(Engine, scope="app", enter=True, name="other"), Declaration)
assert_type(provider(lambda: Engine(), scope="app", provides=Engine), Declaration)
assert_type(supplied(int, scope="request"), Declaration)
assert_type(supplied(list[int], scope="request", name="numbers"), Declaration)


def builds_containers() -> None:
    """Sources of every kind, and options."""
    Container()
    Container(function, Service, provider(Engine, scope="app"))
    Container([function, [Service]], Container(function))
    container = Container(function, scopes=("app", "tenant", "request"), values={int: 3})
    assert_type(container, Container)
    container.asgi(make_app)
    container.asgi(app_itself, values={int: 3}, exclude=[])


def make_app(engine: Engine) -> Any: ...


async def app_itself(scope: Any, receive: Any, send: Any) -> None: ...
