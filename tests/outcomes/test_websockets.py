"""How a WebSocket ends, and what becomes of what was written meanwhile (G4, J05)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.exceptions import HTTPException, WebSocketException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from lifescope import Container, inject
from lifescope import Inject as Injected
from outcomes.client import Exchange, served
from outcomes.databases import Database, providers, write
from outcomes.sites import BASE, Make

pytestmark = pytest.mark.anyio

GONE = {"type": "websocket.disconnect", "code": 1001}
TEXT = {"type": "websocket.receive", "text": "hello"}


async def returns(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


async def returns_before_it_accepts(websocket: WebSocket) -> None:
    await websocket.close(1008)


async def sees_the_client_go(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():  # ends when the client goes
        pass


async def catches_the_disconnect(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        return


async def refuses(websocket: WebSocket) -> None:
    await websocket.accept()
    raise WebSocketException(1008)


async def refuses_before_it_accepts(websocket: WebSocket) -> None:
    raise WebSocketException(1008)


async def refuses_with_a_response(websocket: WebSocket) -> None:
    raise HTTPException(409)


async def is_left_by_the_client(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.receive_text()


async def fails(websocket: WebSocket) -> None:
    await websocket.accept()
    raise RuntimeError("unhandled")


@dataclass(frozen=True)
class Case:
    """A WebSocket endpoint, the last message of which the app sends, and whether it commits."""

    end: Callable[[WebSocket], Awaitable[None]]
    last: str
    commits: bool = False
    raises: type[Exception] | None = None

    def __str__(self) -> str:
        return self.end.__name__


CASES = [
    Case(returns, "websocket.close", commits=True),
    Case(returns_before_it_accepts, "websocket.close", commits=True),
    Case(sees_the_client_go, "websocket.accept", commits=True),
    Case(catches_the_disconnect, "websocket.accept", commits=True),
    Case(refuses, "websocket.close"),
    Case(refuses_before_it_accepts, "websocket.close"),
    Case(refuses_with_a_response, "websocket.http.response.body"),
    Case(is_left_by_the_client, "websocket.accept", raises=WebSocketDisconnect),
    Case(fails, "websocket.accept", raises=RuntimeError),
]


async def talk(client: Any) -> Exchange:
    """Say hello, and go."""
    async with client.websocket() as exchange:
        exchange.say(TEXT)
        exchange.say(GONE)
    result: Exchange = exchange
    return result


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_end_of_a_websocket(case: Case, make: Make, scope: str, database: Database) -> None:
    """What leaves the endpoint rolls back; to go is what every client does some time."""

    async def work(websocket: Any, session: AsyncSession) -> None:
        await write(session)
        await case.end(websocket)

    async with served(Container(providers(database, scope)).asgi(make(work))) as client:
        exchange = await talk(client)
        assert exchange.sent[-1]["type"] == case.last
        assert type(exchange.error) is (case.raises or type(None))
        assert await database.entries() == (["written"] if case.commits else [])


def fastapi_app(answer: Callable[[WebSocket], Awaitable[None]]) -> Any:
    app = FastAPI()
    app.websocket("/")(answer)
    return app


def starlette_app(answer: Callable[[WebSocket], Awaitable[None]]) -> Any:
    return Starlette(routes=[WebSocketRoute("/", answer)])


@pytest.mark.parametrize("make_app", [fastapi_app, starlette_app])
async def test_transaction_for_each_message(make_app: Any, database: Database) -> None:
    """A function with a call-scoped session commits when it returns, and fails by itself (J05)."""

    @inject
    async def receive(text: str, session: Injected[AsyncSession]) -> None:
        await write(session, text)
        if text == "bad":
            raise WebSocketException(1008)

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await receive(text)
            await websocket.send_text(text)

    root = Container(providers(database, "call")).asgi(make_app(endpoint))
    async with served(root) as client, client.websocket() as exchange:
        await exchange.next()
        for text in ("first", "second"):
            exchange.say({"type": "websocket.receive", "text": text})
            assert (await exchange.next())["text"] == text
            assert text in await database.entries()
        exchange.say({"type": "websocket.receive", "text": "bad"})
        assert (await exchange.next())["type"] == "websocket.close"
        assert await database.entries() == ["first", "second"]


@pytest.mark.parametrize("middleware", [[], [BASE]], ids=["plain", "behind BaseHTTPMiddleware"])
async def test_server_that_cancels_a_websocket(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """What was written and not committed is gone (G3)."""

    async def work(websocket: Any, session: AsyncSession) -> None:
        await websocket.accept()
        await write(session)
        await websocket.send_text("written")
        await websocket.receive_text()

    root = Container(providers(database, scope)).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.websocket() as exchange:
            await exchange.next()
            await exchange.next()
            exchange.cancel()
        assert await database.entries() == []
