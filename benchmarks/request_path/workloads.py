"""The workloads: for each one, an app that is called directly, and the root around it."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lifescope import Container, current_scope, provider
from lifescope.integrations.fastapi import Inject

__all__ = ["WORKLOADS", "App", "Message", "Pause", "Receive", "Send", "Workload"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Any]
Pause = Callable[[], Awaitable[Any]]
"""A suspension: `asyncio.sleep(0)`, or what is the same on trio."""

SUSPENSIONS = 20

_VARIABLES: list[ContextVar[object]] = [ContextVar(f"variable{number}") for number in range(3)]


@dataclass(frozen=True)
class Workload:
    """Something to measure.

    Attributes:
        title: Its row.
        make: Gives the app that is called directly, and the root.
        kind: The type of the connections.
    """

    title: str
    make: Callable[[Pause], tuple[App, App]]
    kind: str = "http"


async def _respond(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _empty_app(scope: Any, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
    else:
        await _respond(send)


async def _setting_app(scope: Any, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for variable in _VARIABLES:
            variable.set(object())
        await _run_lifespan(receive, send)
    else:
        await _respond(send)


async def _reading_app(scope: Any, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
        return
    while (await receive()).get("more_body", False):
        pass
    await _respond(send)


async def _websocket_app(scope: Any, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 1000})


def _same(app: App) -> Callable[[Pause], tuple[App, App]]:
    """The root of an app that asks for nothing, and this app."""
    return lambda pause: (app, Container().asgi(app))


def _suspending(pause: Pause) -> tuple[App, App]:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(receive, send)
            return
        for _ in range(SUSPENSIONS):
            await pause()
        await _respond(send)

    return app, Container().asgi(app)


def _starlette(pause: Pause) -> tuple[App, App]:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("Hello, world!")

    def create_app() -> Starlette:
        return Starlette(routes=[Route("/", hello)])

    return create_app(), Container().asgi(create_app)


def _fastapi(pause: Pause) -> tuple[App, App]:
    async def hello() -> dict[str, str]:
        return {}

    def create_app() -> FastAPI:
        app = FastAPI()
        app.get("/")(hello)
        return app

    return create_app(), Container().asgi(create_app)


def _fastapi_with(scope: str, kinds: list[type]) -> Callable[[Pause], tuple[App, App]]:
    """An endpoint that gets *kinds*, by hand and injected."""

    def make(pause: Pause) -> tuple[App, App]:
        by_hand, injected = FastAPI(), FastAPI()
        managers = [asynccontextmanager(_generator(kind)) for kind in kinds]
        objects = [kind() for kind in kinds]

        @by_hand.get("/")
        async def endpoint() -> dict[str, str]:
            if scope == "app":
                assert objects
                return {}
            async with managers[0]() as a, managers[1]() as b, managers[2]() as c:
                assert a
                assert b
                assert c
                return {}

        if scope == "app":

            @injected.get("/")
            async def endpoint_of_one(a: Inject[kinds[0]]) -> dict[str, str]:  # type: ignore[valid-type]
                assert a
                return {}

        else:

            @injected.get("/")
            async def endpoint_of_three(
                a: Inject[kinds[0]],  # type: ignore[valid-type]
                b: Inject[kinds[1]],  # type: ignore[valid-type]
                c: Inject[kinds[2]],  # type: ignore[valid-type]
            ) -> dict[str, str]:
                assert a
                assert b
                assert c
                return {}

        providers = [provider(_generator(kind), scope=scope, provides=kind) for kind in kinds]
        return by_hand, Container(*providers).asgi(injected)

    return make


def _generator(kind: type) -> Callable[[], AsyncIterator[Any]]:
    async def generator() -> AsyncIterator[Any]:
        yield kind()

    return generator


class _Plain:
    """Something that is made by a call, and not released."""


@provider(scope="request")
def _plain() -> _Plain:
    return _Plain()


def _held(kind: type) -> Any:
    """A provider of *kind* that is an async generator."""

    async def held() -> AsyncIterator[Any]:
        yield kind()

    held.__annotations__["return"] = AsyncIterator[kind]  # type: ignore[valid-type]
    return provider(scope="request")(held)


_HELD: list[type] = [type(f"Held{number}", (), {}) for number in range(6)]


def _asking(providers: list[Any], kinds: list[type]) -> tuple[App, App]:
    """The root of an app that asks for *kinds*; the app called directly asks for nothing."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _run_lifespan(receive, send)
            return
        open_scope = current_scope()
        for kind in kinds:
            await open_scope.get(kind)
        await _respond(send)

    return _empty_app, Container(*providers).asgi(app)


def _generators(count: int) -> Callable[[Pause], tuple[App, App]]:
    kinds = _HELD[:count]
    return lambda pause: _asking([_held(kind) for kind in kinds], kinds)


WORKLOADS = [
    Workload("empty app", _same(_empty_app)),
    Workload("three context variables set at start", _same(_setting_app)),
    Workload(f"{SUSPENSIONS} suspensions", _suspending),
    Workload("reads the body", _same(_reading_app)),
    Workload("one plain object", lambda pause: _asking([_plain], [_Plain])),
    Workload("one async generator", _generators(1)),
    Workload("six async generators", _generators(6)),
    Workload("Starlette, hello world", _starlette),
    Workload("FastAPI, hello world", _fastapi),
    Workload(
        "FastAPI, an app-scoped object, over doing it by hand", _fastapi_with("app", _HELD[:1])
    ),
    Workload(
        "FastAPI, three generators, over doing it by hand", _fastapi_with("request", _HELD[:3])
    ),
    Workload("WebSocket: connect, accept, close", _same(_websocket_app), kind="websocket"),
]
