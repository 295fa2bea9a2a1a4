"""An override of a running app gives what an app gives that is opened under it (G13)."""

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from lifescope import Container, Current, Factory, Lazy, OpenScope, provider
from lifescope.testing import events

pytestmark = pytest.mark.anyio


class Thing:
    """Knows what it was made of."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    async def spelled(self) -> str:
        inner = [await _spelled(part) for part in self.parts]
        return f"{type(self).__name__}({', '.join(inner)})"


async def _spelled(part: Any) -> str:
    if isinstance(part, list):
        return f"[{', '.join([await _spelled(each) for each in part])}]"
    if isinstance(part, Thing):
        return await part.spelled()
    if hasattr(part, "__await__"):
        return f"later {await _spelled(await part)}"
    async with part() as made:
        return f"anew {await _spelled(made)}"


class A(Thing): ...


class B(Thing):
    def __init__(self, a: A) -> None:
        super().__init__(a)


class C(Thing):
    def __init__(self, b: B) -> None:
        super().__init__(b)


class Plugin(Thing): ...


class Wrapped(Thing): ...


class Loud(Wrapped): ...


class T(Thing):
    def __init__(self, a: A) -> None:
        super().__init__(a)


class Handles(Thing):
    def __init__(self, b: Lazy[B], made: Factory[B], now: Current[A]) -> None:
        super().__init__(b, made, now)


class Everything(Thing):
    def __init__(
        self, c: C, plugins: list[Plugin], w: Wrapped, t: T, h: Handles, f: Factory[C], z: Lazy[A]
    ) -> None:
        super().__init__(c, plugins, w, t, h, f, z)


class Session(Thing):
    def __init__(self, b: B, t: T) -> None:
        super().__init__(b, t)


class Request(Thing):
    def __init__(
        self, everything: Everything, s: Session, f: Factory[A], g: Factory[C], w: Wrapped
    ) -> None:
        super().__init__(everything, s, f, g, w)


@provider(scope="app")
async def make_b(a: A) -> AsyncIterator[B]:
    yield B(a)


@provider(scope="app", many=True)
def one(a: A) -> Plugin:
    return Plugin(a)


@provider(scope="app", many=True)
def two() -> Plugin:
    return Plugin()


@provider(scope="app")
def wrapped(b: B) -> Wrapped:
    return Wrapped(b)


@provider(scope="app", decorate=True)
def loud(inner: Wrapped, a: A) -> Wrapped:
    return Loud(inner, a)


SOURCES = [
    provider(A, scope="app"),
    make_b,
    provider(C, scope="app"),
    one,
    two,
    wrapped,
    loud,
    provider(T, scope="transient"),
    provider(Handles, scope="app"),
    provider(Everything, scope="app"),
    provider(Session, scope="request"),
    provider(Request, scope="request"),
]


class Fake(Thing):
    """Stands for any of them."""


@provider(scope="app")
def fake_of_nothing() -> Fake:
    return Fake()


@provider(scope="app")
async def fake_of_a(a: A) -> AsyncIterator[Fake]:
    yield Fake(a)


@provider(scope="request")
def fake_in_request() -> Fake:
    return Fake()


@provider(scope="transient")
def fake_anew() -> Fake:
    return Fake()


ONLY_ASYNCIO = [pytest.param(("asyncio", {}), id="asyncio")]
"""This is about graphs, and not about event loops."""

KEYS: list[Any] = [A, B, C, Wrapped, T, Handles, Everything, Session, Request, list[Plugin]]
FAKES: dict[str, Callable[[Any], Any]] = {
    "object": lambda key: [Fake()] if key == list[Plugin] else Fake(),
    "provider": lambda key: fake_of_nothing,
    "provider of A": lambda key: fake_of_a,
    "provider in request": lambda key: fake_in_request,
    "transient": lambda key: fake_anew,
}


async def everything(app: OpenScope) -> str:
    async with app.open("request") as request:
        texts = [await _spelled(await request.get(key)) for key in (Request, *KEYS)]
        made = await request.get(Factory[B])
        async with made() as anew:
            return "\n".join([*texts, await _spelled(anew)])


async def fresh(container: Container) -> str:
    async with container.open() as app:
        return await everything(app)


def fitting(container: Container, key: Any, name: str) -> Any:
    """The override, None if it is refused."""
    try:
        return container.override(key, FAKES[name](key))
    except Exception:
        return None


@pytest.fixture(scope="module")
def plain() -> str:
    """What an app gives that nobody has replaced anything in."""
    return anyio.run(fresh, Container(SOURCES))


@pytest.mark.parametrize("anyio_backend", ONLY_ASYNCIO)
@pytest.mark.parametrize("before", [True, False], ids=["made before", "made inside"])
@pytest.mark.parametrize("name", FAKES)
@pytest.mark.parametrize("key", KEYS, ids=str)
async def test_one(key: Any, name: str, before: bool, plain: str) -> None:
    """I02: Each key, replaced in each way, looks from everywhere as if it had always been so."""
    container = Container(SOURCES)
    override = fitting(container, key, name)
    if override is None:
        return
    with override:
        expected = await fresh(container)
    with events(container) as log, anyio.fail_after(20):
        async with container.open() as app:
            if before:
                assert await everything(app) == plain
            for _ in range(2):
                async with override:
                    assert await everything(app) == expected
                    assert await everything(app) == expected
                assert await everything(app) == plain
    assert log.unreleased == []


@pytest.mark.parametrize("anyio_backend", ONLY_ASYNCIO)
async def test_two(plain: str) -> None:
    """I04: The same for any two, nested, and where the outer one ends first; local ones, too."""
    container = Container(SOURCES)
    keys, names = [A, B, Wrapped, T, Session], ["object", "provider of A"]
    choices = list(itertools.product(keys, names))
    alone: dict[tuple[Any, str], str] = {}
    for choice in choices:
        if (override := fitting(container, *choice)) is not None:
            with override:
                alone[choice] = await fresh(container)
    async with container.open() as app:
        assert await everything(app) == plain
        for first, other in itertools.product(alone, choices):
            with container.override(first[0], FAKES[first[1]](first[0])):
                inner = fitting(container, *other)
                if inner is None:
                    continue
                with inner:
                    both = await fresh(container)
            for local in (False, True):
                case = (first, other, local)
                outer, inner = (
                    container.override(key, FAKES[name](key), local=local)
                    for key, name in (first, other)
                )
                await outer.__aenter__()
                await inner.__aenter__()
                assert await everything(app) == both, case
                await outer.__aexit__()
                if other in alone:
                    assert await everything(app) == alone[other], case
                await inner.__aexit__()
        assert await everything(app) == plain
