"""One Starlette app that tells what it sees, started in two ways."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from lifescope import Container, provider

# --8<-- [start:variable]
region: ContextVar[str] = ContextVar("region", default="not set")
# --8<-- [end:variable]

TOLD: list[str] = []
"""What background tasks have seen."""


async def endpoint(request: Request) -> Response:
    return PlainTextResponse(region.get())


def in_a_thread(request: Request) -> Response:
    return PlainTextResponse(region.get())


async def streamed(request: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        yield region.get()

    return StreamingResponse(body())


async def background(request: Request) -> Response:
    async def tell() -> None:
        TOLD.append(region.get())

    return PlainTextResponse("", background=BackgroundTask(tell))


async def told(request: Request) -> Response:
    return PlainTextResponse(TOLD.pop())


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(region.get())
    await socket.close()


routes = [
    Route("/endpoint", endpoint),
    Route("/in_a_thread", in_a_thread),
    Route("/streamed", streamed),
    Route("/background", background),
    Route("/told", told),
    WebSocketRoute("/talk", talk),
]


# --8<-- [start:lifespan]
@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    region.set("eu-north")
    yield


with_a_lifespan = Starlette(routes=routes, lifespan=lifespan)
# --8<-- [end:lifespan]


# --8<-- [start:root]
class Region:
    pass


@provider(scope="app", eager=True)
async def set_region() -> AsyncIterator[Region]:
    token = region.set("eu-north")
    yield Region()
    region.reset(token)


with_a_root = Container(set_region).asgi(Starlette(routes=routes))
# --8<-- [end:root]


# --8<-- [start:middleware]
def with_middleware(app: ASGIApp) -> ASGIApp:
    """For requests that say so, *app* is in another region."""

    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or b"x-region" not in dict(scope["headers"]):
            return await app(scope, receive, send)
        token = region.set(dict(scope["headers"])[b"x-region"].decode())
        try:
            await app(scope, receive, send)
        finally:
            region.reset(token)

    return moved


# --8<-- [end:middleware]
