"""G6: context variables of start-up are there in each request, and nothing stays behind."""

import contextvars
import decimal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integrations.driving import LIMIT, answering, get, http_scope, lifespan
from lifescope import Container, NoScopeError, current_scope, provider

pytestmark = pytest.mark.anyio

first: ContextVar[str] = ContextVar("first", default="unset")
second: ContextVar[str] = ContextVar("second", default="unset")
foreign: ContextVar[str] = ContextVar("foreign", default="unset")


class A:
    pass


class B:
    pass


class Broken(Exception):
    """What the app raises."""


class Fatal(BaseException):
    """The same, where it is worse."""


def setting(variable: ContextVar[str], value: str, form: type = A) -> Any:
    """A provider that sets *variable* for as long as the app lives."""

    async def make() -> AsyncIterator[Any]:
        token = variable.set(value)
        yield form()
        variable.reset(token)

    return provider(make, scope="app", provides=form, eager=True)


async def both() -> str:
    return f"{first.get()} {second.get()}"


async def set_and_tell() -> str:
    """What is there, before the request sets something of its own."""
    told = f"{first.get()} {second.get()}"
    first.set("of a request")
    second.set("of a request")
    return told


def here() -> dict[ContextVar[Any], Any]:
    """What the task that runs has in its context."""
    return dict(contextvars.copy_context())


# --- nothing stays behind -------------------------------------------------------------------


async def test_several_requests_in_one_task() -> None:
    """G6: Each finds what start-up set, whatever those before it have set; then it is gone."""
    root = Container(setting(first, "1"), setting(second, "2", B)).asgi(answering(set_and_tell))
    async with lifespan(root) as running:
        before = here()
        for _ in range(3):
            assert await get(root, state=running.state) == "1 2"
            assert here() == before
        with pytest.raises(NoScopeError):
            current_scope()


async def test_requests_in_tasks_of_one_context() -> None:
    """G6: As servers do with pipelined requests: the same context for one after the other."""
    root = Container(setting(first, "1")).asgi(answering(set_and_tell))
    told: list[str] = []

    async def request() -> None:
        told.append(await get(root, state=running.state))

    async with lifespan(root) as running:
        context = contextvars.copy_context()
        for _ in range(3):
            async with anyio.create_task_group() as group:
                context.run(group.start_soon, request)
        assert told == ["1 unset"] * 3


@pytest.mark.parametrize("error", [Broken(), Fatal()])
async def test_nothing_stays_behind_when_the_app_raises(error: BaseException) -> None:
    """G6: Whatever it raises."""

    async def fail() -> str:
        first.set("of a request")
        await anyio.lowlevel.checkpoint()
        raise error

    root = Container(setting(first, "1")).asgi(answering(fail))
    async with lifespan(root) as running:
        before = here()
        with pytest.raises(type(error)):
            await get(root, state=running.state)
        assert here() == before


async def test_nothing_stays_behind_when_the_app_is_cancelled() -> None:
    """G6: In the middle of a request, by a scope around it."""
    reached = anyio.Event()

    async def hang() -> str:
        first.set("of a request")
        reached.set()
        await anyio.sleep_forever()
        return ""

    root = Container(setting(first, "1")).asgi(answering(hang))
    with anyio.fail_after(LIMIT):
        async with lifespan(root) as running, anyio.create_task_group() as group:
            before = here()
            with anyio.CancelScope() as scope:

                async def cancel() -> None:
                    await reached.wait()
                    scope.cancel()

                group.start_soon(cancel)
                await get(root, state=running.state)
            assert scope.cancelled_caught
            assert here() == before


async def test_coroutine_that_is_closed_from_another_context() -> None:
    """G6: As by the garbage collector, while a request waits: no error, and nothing is left."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await receive()

    class Forever:
        def __await__(self) -> Any:
            yield

    async def receive() -> Any:
        await Forever()

    root = Container(setting(first, "1")).asgi(app)
    async with lifespan(root) as running:
        before = here()
        request: Any = root(http_scope(state=running.state), receive, receive)
        contextvars.copy_context().run(request.send, None)
        request.close()
        assert here() == before
        with pytest.raises(NoScopeError):
            current_scope()


async def test_requests_at_the_same_time_do_not_see_each_other() -> None:
    """G6, H01: Each has what start-up set until it sets something of its own."""
    names = iter("abc")
    told: list[str] = []
    waiting: list[anyio.Event] = []

    async def set_and_wait() -> str:
        name = next(names)
        before = first.get()
        first.set(name)
        event = anyio.Event()
        waiting.append(event)
        await event.wait()
        told.append(f"{before} {first.get()}")
        return ""

    root = Container(setting(first, "1")).asgi(answering(set_and_wait))
    with anyio.fail_after(LIMIT):
        async with lifespan(root) as running, anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(partial(get, root, state=running.state))
            while len(waiting) < 3:
                await anyio.lowlevel.checkpoint()
            for event in reversed(waiting):
                event.set()
    assert sorted(told) == ["1 a", "1 b", "1 c"]


# --- merge ----------------------------------------------------------------------------------


async def test_value_of_an_outer_middleware_wins_and_stays() -> None:
    """G6: It was set for this request; what start-up set elsewhere is there as well."""
    root = Container(setting(first, "1"), setting(second, "2", B)).asgi(answering(both))
    async with lifespan(root) as running:
        token = first.set("outside")
        assert await get(root, state=running.state) == "outside 2"
        assert first.get() == "outside"
        first.reset(token)
        assert await get(root, state=running.state) == "1 2"


async def test_equal_value_of_a_middleware_is_its_own() -> None:
    """G6: Compared by identity: an equal object that was set for the request stays."""
    variable: ContextVar[list[str]] = ContextVar("variable")
    base: list[str] = []
    told: list[Any] = []

    @provider(scope="app", eager=True)
    def a() -> A:
        variable.set(["of the start"])
        return A()

    async def tell() -> str:
        told.append(variable.get())
        return ""

    token = variable.set(base)
    root = Container(a).asgi(answering(tell))
    async with lifespan(root) as running:
        await get(root, state=running.state)
        equal: list[str] = []
        variable.set(equal)
        await get(root, state=running.state)
    variable.reset(token)
    assert told[0] == ["of the start"]
    assert told[1] is equal


@pytest.mark.parametrize("had_value", [False, True])
async def test_request_that_starts_in_an_empty_context(*, had_value: bool) -> None:
    """G6: As with `uvicorn --reset-contextvars`: it gets what start-up set, and leaves nothing."""
    token = first.set("before") if had_value else None
    told: list[str] = []
    left: list[dict[Any, Any]] = []
    root = Container(setting(first, "1")).asgi(answering(set_and_tell))

    async def request() -> None:
        before = here()
        told.append(await get(root, state=running.state))
        after = here()
        left.append({v: after[v] for v in after if v not in before and v is first})

    async with lifespan(root) as running:
        async with anyio.create_task_group() as group:
            contextvars.Context().run(group.start_soon, request)
    assert told == ["1 unset"]
    assert left == [{}]
    if token is not None:
        first.reset(token)


async def test_value_from_before_the_start_is_replaced() -> None:
    """G6: What was there before the lifespan is what start-up has changed."""
    token = first.set("before")
    root = Container(setting(first, "1")).asgi(answering(both))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "1 unset"
        assert first.get() == "before"
    first.reset(token)


async def test_what_the_lifespan_sets_later_is_not_seen() -> None:
    """G6: What flows is a snapshot of the moment at which the start was complete."""
    may_set, is_set = anyio.Event(), anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answering(both)(scope, receive, send)
            return
        await receive()
        first.set("1")
        await send({"type": "lifespan.startup.complete"})
        await may_set.wait()
        first.set("later")
        is_set.set()
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    root = Container().asgi(app)
    with anyio.fail_after(LIMIT):
        async with lifespan(root) as running:
            assert await get(root, state=running.state) == "1 unset"
            may_set.set()
            await is_set.wait()
            assert await get(root, state=running.state) == "1 unset"


async def test_excluded_variables() -> None:
    """G6: Those named stay in the lifespan, others flow."""
    root = Container(setting(first, "1"), setting(second, "2", B)).asgi(
        answering(both), exclude=[first]
    )
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "unset 2"


@pytest.mark.parametrize("setter", ["provider", "factory", "lifespan"])
async def test_decimal_context_never_flows(setter: str) -> None:
    """G6: It is mutable: a precision that one request sets would be that of all."""

    def set_precision() -> None:
        decimal.setcontext(decimal.Context(prec=5))

    @provider(scope="app", eager=True)
    def a() -> A:
        if setter == "provider":
            set_precision()
        return A()

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[None]:
        if setter == "lifespan":
            set_precision()
        yield

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(str(decimal.getcontext().prec))

    def factory() -> Any:
        if setter == "factory":
            set_precision()
        return Starlette(routes=[Route("/", endpoint)], lifespan=own)

    root = Container(a).asgi(factory)
    async with lifespan(root) as running:
        outside = decimal.getcontext().prec
        assert outside != 5
        assert await get(root, state=running.state) == str(outside)
