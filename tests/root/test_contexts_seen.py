"""G6: context variables of start-up are seen wherever a request runs, and below two roots."""

from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from integrations.driving import answering, get, http_scope, lifespan
from lifescope import Container, current_scope, provider

pytestmark = pytest.mark.anyio

first: ContextVar[str] = ContextVar("first", default="unset")
second: ContextVar[str] = ContextVar("second", default="unset")
foreign: ContextVar[str] = ContextVar("foreign", default="unset")


class A:
    pass


class B:
    pass


def setting(variable: ContextVar[str], value: str, form: type = A) -> Any:
    """A provider that sets *variable* for as long as the app lives."""

    async def make() -> AsyncIterator[Any]:
        token = variable.set(value)
        yield form()
        variable.reset(token)

    return provider(make, scope="app", provides=form, eager=True)


async def both() -> str:
    return f"{first.get()} {second.get()}"


# --- wherever the request runs --------------------------------------------------------------


def in_thread(request: Request) -> Response:
    return PlainTextResponse(first.get())


async def in_body(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        await anyio.lowlevel.checkpoint()
        yield first.get()

    return StreamingResponse(body())


async def in_task(request: Request) -> Response:
    told: list[str] = []

    async def tell() -> None:
        told.append(first.get())

    async with anyio.create_task_group() as group:
        group.start_soon(tell)
    return PlainTextResponse(told[0])


async def in_thread_by_hand(request: Request) -> Response:
    return PlainTextResponse(await anyio.to_thread.run_sync(first.get))


@pytest.mark.parametrize("endpoint", [in_thread, in_body, in_task, in_thread_by_hand])
async def test_seen_wherever_the_request_runs(endpoint: Callable[..., Any]) -> None:
    """G6: In threads, streaming bodies, and tasks of the request."""
    root = Container(setting(first, "1")).asgi(Starlette(routes=[Route("/", endpoint)]))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "1"


async def test_seen_in_background_tasks_of_the_response() -> None:
    """G6, J08: Sync ones and async ones."""
    told: list[str] = []

    def note() -> None:
        told.append(first.get())

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("", background=BackgroundTask(note))

    root = Container(setting(first, "1")).asgi(Starlette(routes=[Route("/", endpoint)]))
    async with lifespan(root) as running:
        await get(root, state=running.state)
    assert told == ["1"]


async def test_seen_in_a_websocket() -> None:
    """G6: For as long as it is open."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        told.append(first.get())

    root = Container(setting(first, "1")).asgi(app)

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    async with lifespan(root) as running:
        asgi_scope = {**http_scope("/", state=running.state), "type": "websocket"}
        await root(asgi_scope, nothing, nothing)
        assert first.get() == "unset"
    assert told == ["1"]


async def test_middleware_outside_sees_what_the_endpoint_sets() -> None:
    """G6: A log outside reads what the app has found out; only start-up's variables are undone."""
    seen: list[str] = []

    async def identify() -> str:
        foreign.set("Ada")
        first.set("of a request")
        return ""

    root = Container(setting(first, "1")).asgi(answering(identify))

    async def outside(running: Any) -> None:
        await get(root, state=running.state)
        seen.extend([foreign.get(), first.get()])

    async with lifespan(root) as running, anyio.create_task_group() as group:
        group.start_soon(outside, running)
    assert seen == ["Ada", "unset"]


async def test_middleware_outside_may_reset_its_token_while_sending() -> None:
    """G6: `send` runs in the context in which the middleware has set its variable."""

    async def send_resetting(token: Any, messages: list[Any], message: Any) -> None:
        if message["type"] == "http.response.start":
            foreign.reset(token)
        messages.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    root = Container(setting(first, "1")).asgi(answering(both))
    async with lifespan(root) as running:
        messages: list[Any] = []
        token = foreign.set("outside")
        send = partial(send_resetting, token, messages)
        await root(http_scope(state=running.state), receive, send)
        assert foreign.get() == "unset"
        assert messages[-1]["body"] == b"1 unset"


# --- two roots ------------------------------------------------------------------------------


async def test_two_roots_nested() -> None:
    """G6, G12: The inner one's values are on top of the outer's; all is undone on the way out."""
    told: list[str] = []

    def telling(name: str, then: Any = None) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            told.append(f"{name} {first.get()} {second.get()} {foreign.get()}")
            if then is not None:
                await then(scope, receive, send)
                told.append(f"{name} {first.get()} {second.get()} {foreign.get()}")
            else:
                await answering(both)(scope, receive, send)

        return app

    inner = Container(setting(second, "inner"), setting(foreign, "inner", B)).asgi(
        lambda: _http_only(telling("inner"))
    )
    outer = Container(setting(first, "outer"), setting(second, "outer", B)).asgi(
        lambda: Starlette(
            routes=[Mount("/in", _http_only(telling("outer", inner)))],
            lifespan=inner.lifespan,
        )
    )
    async with lifespan(outer) as running:
        assert running.error is None
        await get(outer, "/in/", state=running.state)
    assert told == [
        "outer outer outer unset",
        "inner outer inner inner",
        "outer outer outer unset",
    ]
    assert [first.get(), second.get(), foreign.get()] == ["unset"] * 3


def _http_only(app: Any) -> Any:
    async def only(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    return only


async def test_two_roots_next_to_each_other() -> None:
    """G6: Requests of one see nothing of the other's start."""
    one = Container(setting(first, "one")).asgi(answering(both))
    two = Container(setting(second, "two")).asgi(answering(both))
    async with lifespan(one) as running_one, lifespan(two) as running_two:
        assert await get(one, state=running_one.state) == "one unset"
        assert await get(two, state=running_two.state) == "unset two"


async def test_what_a_request_makes_first_is_undone_with_it() -> None:
    """G6: An app-scoped provider that is made late sets a variable for that request only."""

    async def make() -> AsyncIterator[B]:
        second.set("late")
        yield B()

    late = provider(make, scope="app", eager=False)

    async def use() -> str:
        await current_scope().get(B)
        return await both()

    root = Container(late, setting(first, "1")).asgi(answering(use))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "1 late"
        assert second.get() == "unset"
        assert await get(root, state=running.state) == "1 unset"
