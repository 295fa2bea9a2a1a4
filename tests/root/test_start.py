"""G7: what is made when an app starts, in which order, and what is left when that fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integrations.driving import LIMIT, Lifespan, get, lifespan, noted
from lifescope import (
    Container,
    Current,
    Factory,
    Inject,
    Lazy,
    inject,
    provider,
)

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


def starlette(*routes: Any) -> Starlette:
    return Starlette(routes=list(routes))


async def started(root: Any) -> list[str]:
    """The messages of a start that was followed by a stop."""
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"], running.error
    assert running.error is None
    return running.sent


# --- which, and when ------------------------------------------------------------------------


async def test_factory_waits_for_what_it_asks_for_and_what_says_so() -> None:
    """G7: What the factory needs and `eager=True` are there before it, routes' needs after it."""
    log: list[str] = []

    @inject
    async def endpoint(request: Request, c: Inject[C]) -> Response:
        return PlainTextResponse("C")

    def factory(b: B) -> Any:
        log.append("factory")
        return starlette(Route("/", endpoint))

    container = Container(noted(log, C), noted(log, B), noted(log, A, eager=True), noted(log, D))
    await started(container.asgi(factory))
    assert log == ["start B", "start A", "factory", "start C", "end C", "end A", "end B"]


@inject
async def asking(request: Request, a: Inject[A]) -> Response:
    return PlainTextResponse("A")


def plain_app(log: list[str]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] != "lifespan"

    return app


def later(asks: str) -> list[Any]:
    """A provider that reaches A, but not at once; and the app that reaches that provider."""

    @provider(scope="app")
    class ByLazy:
        def __init__(self, a: Lazy[A]) -> None:
            self.a = a

        async def use(self) -> A:
            return await self.a

    @provider(scope="app")
    class ByFactory:
        def __init__(self, a: Factory[A]) -> None:
            self.a = a

        async def use(self) -> A:
            async with self.a() as a:
                return a

    @provider(scope="app")
    class ByCurrent:
        def __init__(self, a: Current[A]) -> None:
            self.a = a

        async def use(self) -> A:
            return await self.a

    by: Any = {"lazy": ByLazy, "factory": ByFactory, "current": ByCurrent}[asks]

    @inject
    async def endpoint(request: Request, by: Inject[by]) -> Response:
        return PlainTextResponse(type(await by.use()).__name__)

    return [by, starlette(Route("/", endpoint))]


@pytest.mark.parametrize("asks", ["lazy", "factory", "current"])
async def test_what_is_only_asked_for_later_is_made_later(asks: str) -> None:
    """G3, G03: Through Lazy, Factory and Current nothing is made at start, but on demand."""
    log: list[str] = []
    by, app = later(asks)
    root = Container(noted(log, A), by).asgi(app)
    async with lifespan(root) as running:
        assert log == []
        assert await get(root, state=running.state) == "A"
        assert "start A" in log
    assert log.count("start A") == log.count("end A")


async def test_eager_false_waits_for_its_first_use() -> None:
    """G7, G03: `eager=False` is not made at start although a route asks for it."""
    log: list[str] = []
    root = Container(noted(log, A, eager=False)).asgi(starlette(Route("/", asking)))
    async with lifespan(root) as running:
        assert log == []
        for _ in range(2):
            assert await get(root, state=running.state) == "A"
        assert log == ["start A"]
    assert log == ["start A", "end A"]


async def test_eager_false_is_made_when_something_eager_needs_it() -> None:
    """G7: What is made at start cannot do without it; the report names it, too."""
    log: list[str] = []
    container = Container(noted(log, A, B), noted(log, B, eager=False))
    root = container.asgi(starlette(Route("/", asking)))
    async with lifespan(root):
        assert log == ["start B", "start A"]
        assert [step.key for step in root.startups[0].steps] == ["B", "A"]


async def test_unreachable_providers_are_made_on_demand() -> None:
    """G7, G03: What no route asks for is made when the code of an endpoint asks for it."""
    log: list[str] = []
    container = Container(noted(log, A), noted(log, B))

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(type(await container.get(B)).__name__)

    root = container.asgi(starlette(Route("/", endpoint)))
    async with lifespan(root) as running:
        assert log == []
        assert await get(root, state=running.state) == "B"
        assert log == ["start B"]
    assert log == ["start B", "end B"]


async def test_start_is_complete_after_the_routes_needs_and_the_apps_lifespan() -> None:
    """J06: The server hears of it last of all."""
    log: list[str] = []

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[None]:
        log.append("own lifespan")
        yield

    class Notes(Lifespan):
        async def _send(self, message: Any) -> None:
            log.append(message["type"])
            await super()._send(message)

    app = Starlette(routes=[Route("/", asking)], lifespan=own)
    running = Notes(Container(noted(log, A)).asgi(app))
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(running.run, with_state=True))
            await running.start()
            await running.stop()
    first = ["start A", "own lifespan", "lifespan.startup.complete"]
    assert log == [*first, "end A", "lifespan.shutdown.complete"]


# --- order ----------------------------------------------------------------------------------


async def test_order_is_dependency_then_declaration() -> None:
    """G01: In the order of declaration, but what is needed goes first; the end is the reverse."""
    log: list[str] = []
    container = Container(
        noted(log, A, C), noted(log, B), noted(log, C, D), noted(log, D), noted(log, str)
    )
    await started(container.asgi(plain_app(log)))
    begun = ["D", "C", "A", "B", "str"]
    assert log == [f"start {name}" for name in begun] + [f"end {name}" for name in begun[::-1]]


variable: ContextVar[tuple[str, ...]] = ContextVar("variable", default=())


def setting(form: type, kind: str) -> Any:
    """A provider that adds its name to the context variable; what it saw is its `seen`."""

    def make() -> Any:
        made = form()
        made.seen = variable.get()
        variable.set((*made.seen, form.__name__))
        return made

    async def coroutine() -> Any:
        await anyio.lowlevel.checkpoint()
        return make()

    async def generator() -> AsyncIterator[Any]:
        await anyio.lowlevel.checkpoint()
        yield make()

    target = {"function": make, "coroutine": coroutine, "generator": generator}[kind]
    return provider(target, scope="app", provides=form, eager=True)


@pytest.mark.parametrize("first", ["function", "coroutine", "generator"])
@pytest.mark.parametrize("second", ["function", "coroutine", "generator"])
async def test_each_sees_the_context_of_those_before_it(first: str, second: str) -> None:
    """G7: Also of those that it does not need, whichever kinds they are."""
    seen: list[Any] = []

    def factory(a: A, b: B) -> Any:
        seen.extend([a.seen, b.seen, variable.get()])  # type: ignore[attr-defined]
        return starlette()

    await started(Container(setting(A, first), setting(B, second)).asgi(factory))
    assert seen == [(), ("A",), ("A", "B")]
