"""What may be passed to a container, and to `override` (B01, I-group)."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ContextDecorator, asynccontextmanager
from typing import Annotated, Any

import pytest

from lifescope import Container, Named, provider

pytestmark = pytest.mark.anyio


class Config:
    def __init__(self, name: str = "plain") -> None:
        self.name = name


class A:
    def __init__(self, config: Config) -> None:
        self.config = config


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


async def test_container_as_a_source_brings_its_values():
    """B01: Providers and ready objects of another container are there; one's own values win."""
    inner = Container(provider(A, scope="app"), values={Config: Config("inner")})
    async with Container(inner).open() as app:
        assert (await app.get(A)).config.name == "inner"
    async with Container(inner, values={Config: Config("outer")}).open() as app:
        assert (await app.get(A)).config.name == "outer"


async def test_what_a_partial_passes_by_name_stays():
    """B11: The container fills what is left, for providers and for functions that it calls."""
    mine = Config("mine")

    def make(config: Config) -> A:
        return A(config)

    bound = functools.partial(make, config=mine)
    container = Container(provider(Config, scope="app"), provider(bound, scope="app", provides=A))
    async with container.open() as app:
        assert (await app.get(A)).config is mine
        assert (await app.call(bound)).config is mine


async def test_decorated_generators(log):
    """B01: A decorator between the helper and the generator, or around it, does its work."""

    class timer(ContextDecorator):
        def __enter__(self) -> None:
            log("timer")

        def __exit__(self, *_: object) -> None: ...

    @provider(scope="app")
    @asynccontextmanager
    @traced
    async def config() -> AsyncIterator[Config]:
        yield Config()
        log("left")

    @provider(scope="app")
    @timer()
    def a(config: Config) -> A:
        return A(config)

    @provider(scope="app", name="wrapped")
    @traced
    def wrapped() -> Iterator[str]:
        yield "wrapped"

    async with Container(config, a, wrapped).open() as app:
        await app.get(A)
        assert log.events == ["timer"]
        assert await app.get(NAMED) == "wrapped"
    assert log.events == ["timer", "left"]


NAMED: Any = Annotated[str, Named("wrapped")]


async def test_override_of_a_generator():
    """I03: As a decorator of a generator function, as fixtures are, it holds while that runs."""
    container = Container(provider(Config, scope="app"))

    @container.override(Config, Config("fake"))
    async def fixture() -> AsyncIterator[str]:
        async with container.open() as app:
            yield (await app.get(Config)).name

    @container.override(Config, Config("fake"))
    def opened() -> Iterator[Any]:
        yield container.open()

    assert [name async for name in fixture()] == ["fake"]
    for opening in opened():
        async with opening as app:
            assert (await app.get(Config)).name == "fake"


async def test_override_counts_when_the_scope_is_entered():
    """I03: Not when `open()` is called."""
    container = Container(provider(Config, scope="app"))
    opening = container.open()
    with container.override(Config, Config("fake")):
        early = container.open()
        async with opening as app:
            assert (await app.get(Config)).name == "fake"
    async with early as app:
        assert (await app.get(Config)).name == "plain"


async def test_names_that_generated_code_uses_itself():
    """G14: Whatever classes are called, the generated functions work."""

    def class_called(name: str, *needs: type) -> type:
        def init(self: Any, *args: Any) -> None: ...

        made = type(name, (), {"__init__": init})
        names = [f"p{number}" for number in range(len(needs))]
        scope: dict[str, Any] = {"init": init}
        exec(f"def __init__(self{''.join(', ' + n for n in names)}): pass", scope)
        made.__init__ = scope["__init__"]  # type: ignore[misc]
        made.__init__.__annotations__ = dict(zip(names, needs, strict=True))  # type: ignore[misc]
        return made

    outer, outer_1 = class_called("Outer"), class_called("Outer_1")
    scope_named, flights = class_called("scope"), class_called("flights")
    user = class_called("User", outer, outer_1, scope_named, flights)
    parts = [provider(each, scope="app") for each in (outer, outer_1, scope_named)]
    odd = provider(lambda: 2, scope="app", provides=int, name="m²")
    container = Container(
        *parts, provider(flights, scope="request"), provider(user, scope="call"), odd
    )
    async with container.open() as app, app.open("call") as call:
        assert type(await call.get(user)) is user
        assert await call.get(Annotated[int, Named("m²")]) == 2
