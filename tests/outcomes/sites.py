"""Apps with one endpoint: for each framework, and for each way in which one can be written."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import anyio.from_thread
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from integrations.driving import Receive, Send
from lifescope import Inject as Injected
from lifescope import current_scope, inject
from lifescope.integrations.fastapi import Inject
from outcomes.databases import write

End = Callable[[], Response]
"""How an endpoint ends: it returns a response, or raises."""

Work = Callable[[Any, AsyncSession], Awaitable[Any]]
"""What an endpoint does, with its `Request` or `WebSocket` and a session."""


class Taken(Exception):
    """Turned into a response by a coroutine function."""


class Late(Exception):
    """Turned into a response by a plain function, in a worker thread."""


class Caught(Exception):
    """Turned into a response by the `except` of a middleware."""


async def taken(request: Request, error: Exception) -> Response:
    return PlainTextResponse("taken", 418)


def late(request: Request, error: Exception) -> Response:
    return PlainTextResponse("late", 418)


class Catching:
    """Middleware that turns `Caught` into a response."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Caught:
            await PlainTextResponse("caught", 418)(scope, receive, send)


class Writing:
    """Middleware that writes, whatever the endpoint does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await write(await current_scope().get(AsyncSession), "middleware")
        await self._app(scope, receive, send)


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """What `@app.middleware("http")` makes a BaseHTTPMiddleware of."""
    return await call_next(request)


HANDLERS: Any = {Taken: taken, Late: late}
BASE = Middleware(BaseHTTPMiddleware, dispatch=pass_on)


def fastapi(*middleware: Any) -> FastAPI:
    return FastAPI(
        exception_handlers=HANDLERS, middleware=[Middleware(Catching), *middleware], redoc_url=None
    )


def starlette(endpoint: Any, *middleware: Any) -> Starlette:
    return Starlette(
        routes=[Route("/", endpoint, methods=["POST"])],
        exception_handlers=HANDLERS,
        middleware=[Middleware(Catching), *middleware],
    )


def writing(end: End) -> Work:
    """An endpoint that writes, and then ends."""

    async def work(_: Request, session: AsyncSession) -> Response:
        await write(session)
        return end()

    return work


# --- FastAPI --------------------------------------------------------------------------------


def fastapi_working(work: Work, *middleware: Any) -> Any:
    """What answers is given by the test."""
    app = fastapi(*middleware)

    @app.post("/")
    async def endpoint(request: Request, session: Inject[AsyncSession]) -> Response:
        return await work(request, session)

    @app.websocket("/")
    async def websocket(websocket: WebSocket, session: Inject[AsyncSession]) -> None:
        await work(websocket, session)

    return app


def fastapi_async(end: End, *middleware: Any) -> Any:
    return fastapi_working(writing(end), *middleware)


def fastapi_sync(end: End) -> Any:
    app = fastapi()

    @app.post("/")
    def endpoint(session: Inject[AsyncSession]) -> Response:
        anyio.from_thread.run(write, session)
        return end()

    return app


def fastapi_by_dependency(end: End) -> Any:
    """The endpoint gets what a function used with `Depends` has asked for."""
    app = fastapi()

    async def written(session: Inject[AsyncSession]) -> AsyncSession:
        await write(session)
        return session

    @app.post("/")
    async def endpoint(session: Annotated[AsyncSession, Depends(written)]) -> Response:
        return end()

    return app


def fastapi_shared(end: End) -> Any:
    """Endpoint and dependency have asked for one and the same session."""
    app = fastapi()

    async def written(session: Inject[AsyncSession]) -> AsyncSession:
        await write(session, "dependency")
        return session

    @app.post("/")
    async def endpoint(
        session: Inject[AsyncSession], other: Annotated[AsyncSession, Depends(written)]
    ) -> Response:
        assert session is other
        await write(session)
        return end()

    return app


def fastapi_generator_dependency(end: End) -> Any:
    """A dependency with `yield` writes after the endpoint, too."""
    app = fastapi()

    async def written(session: Inject[AsyncSession]) -> Any:
        await write(session)
        yield session
        await write(session, "afterwards")

    @app.post("/")
    async def endpoint(
        session: Annotated[AsyncSession, Depends(written, scope="function")],
    ) -> Response:
        return end()

    return app


def fastapi_nested(end: End) -> Any:
    """A router within a router, in a mounted app."""
    inner, outer, sub, app = APIRouter(), APIRouter(), fastapi(), fastapi()

    @inner.post("/")
    async def endpoint(session: Inject[AsyncSession]) -> Response:
        await write(session)
        return end()

    outer.include_router(inner)
    sub.include_router(outer)
    app.mount("/", sub)
    return app


def fastapi_by_hand(end: End) -> Any:
    """Nothing is injected; the endpoint asks the scope."""
    app = fastapi()

    @app.post("/")
    async def endpoint() -> Response:
        await write(await current_scope().get(AsyncSession))
        return end()

    return app


def fastapi_by_hand_sync(end: End) -> Any:
    app = fastapi()

    @app.post("/")
    def endpoint() -> Response:
        session = anyio.from_thread.run(current_scope().get, AsyncSession)
        anyio.from_thread.run(write, session)
        return end()

    return app


def fastapi_only_middleware(end: End) -> Any:
    """A middleware has asked for the session, the endpoint knows nothing of it."""
    app = fastapi(Middleware(Writing))

    @app.post("/")
    async def endpoint() -> Response:
        return end()

    return app


def fastapi_behind_base(end: End) -> Any:
    return fastapi_async(end, BASE)


def fastapi_by_hand_behind_base(end: End) -> Any:
    app = fastapi_by_hand(end)
    app.middleware("http")(pass_on)
    return app


# --- Starlette ------------------------------------------------------------------------------


def starlette_working(work: Work, *middleware: Any) -> Any:
    """What answers is given by the test."""

    @inject
    async def endpoint(request: Request, session: Injected[AsyncSession]) -> Response:
        response: Response = await work(request, session)
        return response

    @inject
    async def websocket(websocket: WebSocket, session: Injected[AsyncSession]) -> None:
        await work(websocket, session)

    app = starlette(endpoint, *middleware)
    app.router.routes.append(WebSocketRoute("/", websocket))
    return app


def starlette_async(end: End, *middleware: Any) -> Any:
    return starlette_working(writing(end), *middleware)


def starlette_sync(end: End) -> Any:
    @inject
    def endpoint(request: Request, session: Injected[AsyncSession]) -> Response:
        anyio.from_thread.run(write, session)
        return end()

    return starlette(endpoint)


def starlette_method(end: End) -> Any:
    class Endpoint(HTTPEndpoint):
        @inject
        async def post(self, request: Request, session: Injected[AsyncSession]) -> Response:
            await write(session)
            return end()

    return starlette(Endpoint)


def starlette_partial(end: End) -> Any:
    @inject
    async def endpoint(request: Request, text: str, session: Injected[AsyncSession]) -> Response:
        await write(session, text)
        return end()

    return starlette(functools.partial(endpoint, text="written"))


def starlette_nested(end: End) -> Any:
    return Starlette(routes=[Mount("/", starlette_async(end))])


def starlette_helper(end: End) -> Any:
    """Not the endpoint is injected into, but a function that it calls."""

    @inject
    async def helper(session: Injected[AsyncSession]) -> None:
        await write(session)

    async def endpoint(request: Request) -> Response:
        await helper()
        return end()

    return starlette(endpoint)


def starlette_by_hand(end: End, *middleware: Any) -> Any:
    async def endpoint(request: Request) -> Response:
        await write(await current_scope().get(AsyncSession))
        return end()

    return starlette(endpoint, *middleware)


def starlette_by_hand_method(end: End) -> Any:
    class Endpoint(HTTPEndpoint):
        async def post(self, request: Request) -> Response:
            await write(await current_scope().get(AsyncSession))
            return end()

    return starlette(Endpoint)


def starlette_only_middleware(end: End) -> Any:
    async def endpoint(request: Request) -> Response:
        return end()

    return starlette(endpoint, Middleware(Writing))


def starlette_behind_base(end: End) -> Any:
    return starlette_async(end, BASE)


def starlette_by_hand_behind_base(end: End) -> Any:
    return starlette_by_hand(end, BASE)


# --- all of them ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """A way to write an endpoint.

    Attributes:
        make: Makes the app.
        scopes: In which the session may live; without an injected endpoint there is no "call".
        entries: What it writes.
    """

    make: Callable[[End], Any]
    scopes: tuple[str, ...] = ("request", "call")
    entries: tuple[str, ...] = ("written",)

    def __str__(self) -> str:
        return self.make.__name__

    @property
    def is_injected(self) -> bool:
        """Whether an adapter sees the endpoint, and not only the root."""
        return "call" in self.scopes

    @property
    def is_fastapi(self) -> bool:
        return str(self).startswith("fastapi")


PLAIN = [Site(fastapi_async), Site(starlette_async)]
REQUEST = ("request",)
OTHERS = [
    Site(fastapi_sync),
    Site(fastapi_by_dependency),
    Site(fastapi_shared, entries=("dependency", "written")),
    Site(fastapi_generator_dependency, entries=("afterwards", "written")),
    Site(fastapi_nested),
    Site(fastapi_by_hand, REQUEST),
    Site(fastapi_by_hand_sync, REQUEST),
    Site(fastapi_only_middleware, REQUEST, ("middleware",)),
    Site(fastapi_behind_base),
    Site(fastapi_by_hand_behind_base, REQUEST),
    Site(starlette_sync),
    Site(starlette_method),
    Site(starlette_partial),
    Site(starlette_nested),
    Site(starlette_helper, REQUEST),
    Site(starlette_by_hand, REQUEST),
    Site(starlette_by_hand_method, REQUEST),
    Site(starlette_only_middleware, REQUEST, ("middleware",)),
    Site(starlette_behind_base),
    Site(starlette_by_hand_behind_base, REQUEST),
]


class Make(Protocol):
    """Makes an app whose endpoint, and whose WebSocket, does *work*."""

    def __call__(self, work: Work, *middleware: Any) -> Any: ...


WORKING: dict[str, Make] = {
    "fastapi": fastapi_working,
    "starlette": starlette_working,
}
