"""`concurrent_start=True`: independent providers start at the same time (G7, F04, E08)."""

import logging
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from integrations.driving import answering, get, lifespan
from lifescope import Container, provider
from lifescope._runtime.starting import PROGRESS
from virtual_time import backends

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(backends()))
def anyio_backend(request):
    return request.param


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


async def silent() -> str:
    return "hello"


def plain() -> Any:
    return answering(silent)


def takes(seconds: float, form: type, *needs: type, log: Any = None) -> Any:
    """A provider of *form* that takes so many seconds to start."""

    async def slow(**needed: Any) -> AsyncIterator[form]:
        await anyio.sleep(seconds)
        if log is not None:
            log(f"{form.__name__} opens")
        try:
            yield form()
        finally:
            if log is not None:
                log(f"{form.__name__} closes")

    return provider(with_parameters(slow, *needs), scope="app")


def with_parameters(function: Any, *needs: type) -> Any:
    """The same function, with one parameter for each of *needs*."""
    names = ", ".join(f"p{i}" for i in range(len(needs)))
    passed = ", ".join(f"p{i}=p{i}" for i in range(len(needs)))
    namespace: dict[str, Any] = {"function": function}
    text = f"async def made({names}):\n    g = function({passed})\n    x = await g.__anext__()\n"
    text += "    try:\n        yield x\n    finally:\n        await g.aclose()\n"
    exec(text, namespace)
    made = namespace["made"]
    made.__annotations__ = {f"p{i}": form for i, form in enumerate(needs)}
    made.__annotations__["return"] = function.__annotations__["return"]
    return made


async def test_start_takes_as_long_as_its_longest_path():
    """F04: 1 and 2 seconds side by side, then 3 that need both: 5 and not 6."""
    container = Container(takes(1, A), takes(2, B), takes(3, C, A, B), takes(4, D))
    began = anyio.current_time()
    async with lifespan(container.asgi(plain, concurrent_start=True)):
        assert anyio.current_time() - began == pytest.approx(5)


async def test_start_in_order_takes_the_sum():
    """G7: Without being told to, a start is one after the other."""
    container = Container(takes(1, A), takes(2, B))
    began = anyio.current_time()
    async with lifespan(container.asgi(plain)):
        assert anyio.current_time() - began == pytest.approx(3)


async def test_what_is_needed_is_there_first(log):
    """D03, G2: Each is acquired after what it needs, and released before."""
    container = Container(takes(1, C, B, log=log), takes(2, B, A, log=log), takes(3, A, log=log))
    async with lifespan(container.asgi(plain, concurrent_start=True)):
        assert log.events == ["A opens", "B opens", "C opens"]
    assert log.events[3:] == ["C closes", "B closes", "A closes"]


async def test_failure_stops_the_others_and_is_itself(log):
    """E08, G02: One fails; those still starting are stopped, what is there is released."""
    error = LookupError("no such host")

    @provider(scope="app")
    async def fails() -> AsyncIterator[B]:
        await anyio.sleep(2)
        raise error
        yield

    @provider(scope="app")
    async def hangs() -> AsyncIterator[C]:
        try:
            await anyio.sleep_forever()
        finally:
            log("C is stopped")
        yield C()

    container = Container(takes(1, A, log=log), fails, hangs)
    async with lifespan(container.asgi(plain, concurrent_start=True)) as running:
        pass
    assert running.error is error
    assert log.events == ["A opens", "C is stopped", "A closes"]


VARIABLE: ContextVar[str] = ContextVar("variable", default="unset")
OTHER: ContextVar[str] = ContextVar("other", default="unset")


async def test_each_sees_what_its_needs_have_set_and_nothing_else():
    """G7, G6: Who is faster makes no difference to what a provider sees."""
    seen: dict[str, tuple[str, str]] = {}

    def here() -> tuple[str, str]:
        return VARIABLE.get(), OTHER.get()

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        VARIABLE.set("a")
        yield A()

    @provider(scope="app")
    async def b() -> AsyncIterator[B]:
        await anyio.sleep(1)  # a has been there for long
        seen["b"] = here()
        OTHER.set("b")
        yield B()

    @provider(scope="app")
    async def c(a: A) -> AsyncIterator[C]:
        await anyio.sleep(2)  # b has been there for long
        seen["c"] = here()
        VARIABLE.set("c")
        yield C()

    @provider(scope="app")
    def d(c: C, b: B) -> D:
        seen["d"] = here()
        return D()

    async def endpoint() -> str:
        return " ".join(here())

    root = Container(a, b, c, d).asgi(lambda: answering(endpoint), concurrent_start=True)
    async with lifespan(root) as running:
        assert seen == {"b": ("unset", "unset"), "c": ("a", "unset"), "d": ("c", "b")}
        assert await get(root, state=running.state) == "c b"


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("slow", [0, 1])
async def test_last_declaration_wins_whoever_is_faster(slow: int, *, together: bool):
    """G7: Two set the same variable: both kinds of start have the same result."""

    def sets(form: type, value: str, seconds: float) -> Any:
        async def setting() -> AsyncIterator[form]:
            await anyio.sleep(seconds)
            VARIABLE.set(value)
            yield form()

        return provider(setting, scope="app")

    async def endpoint() -> str:
        return VARIABLE.get()

    container = Container(sets(A, "first", 1 - slow), sets(B, "second", slow))
    root = container.asgi(lambda: answering(endpoint), concurrent_start=together)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "second"


@pytest.mark.parametrize("together", [False, True])
async def test_slow_start_tells_the_log_how_far_it_is(caplog, *, together: bool):
    """G7: Every few seconds one line: who is there, who is at it, who waits."""
    caplog.set_level(logging.INFO, "lifescope")
    container = Container(takes(PROGRESS * 2 + 1, A), takes(1, B, A))
    async with lifespan(container.asgi(plain, concurrent_start=together)):
        pass
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("starting: ")]
    assert len(lines) == 2
    assert all("A starting for " in line and "B waiting …" in line for line in lines)


async def test_many_at_once():
    """F04: 200 providers, each after two others, in layers of ten."""
    forms = [type(f"T{number}", (), {}) for number in range(200)]
    providers = []
    for number, form in enumerate(forms):
        layer = number // 10
        needs = [forms[(layer - 1) * 10 + (number + i) % 10] for i in range(2)] if layer else []
        providers.append(takes(0.1, form, *needs))
    began = anyio.current_time()
    async with lifespan(Container(providers).asgi(plain, concurrent_start=True)) as running:
        assert running.sent == ["lifespan.startup.complete"]
        assert anyio.current_time() - began == pytest.approx(2)


async def test_cancelled_start_releases_what_is_there(log):
    """E01, G06: The server gives up in the middle of a start: nothing is left."""
    root = Container(takes(1, A, log=log), takes(5, B, log=log)).asgi(plain, concurrent_start=True)
    with anyio.move_on_after(2) as scope:
        async with root.factory():
            raise AssertionError("it cannot have started")
    assert scope.cancelled_caught
    assert log.events == ["A opens", "A closes"]
