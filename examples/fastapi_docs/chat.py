"""WebSockets: with dependencies, and with a room that everybody is in."""

from typing import Annotated

from fastapi import (
    Cookie,
    Depends,
    FastAPI,
    Query,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    status,
)

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Room:
    """Who is connected."""

    def __init__(self) -> None:
        self._members: list[WebSocket] = []

    def enter(self, websocket: WebSocket) -> None:
        self._members.append(websocket)

    def leave(self, websocket: WebSocket) -> None:
        self._members.remove(websocket)

    async def say(self, text: str) -> None:
        for member in self._members:
            await member.send_text(text)


async def cookie_or_token(
    session: Annotated[str | None, Cookie()] = None, token: Annotated[str | None, Query()] = None
) -> str:
    if session is None and token is None:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION)
    return session or token or ""


def as_fastapi_shows() -> FastAPI:
    room = Room()
    app = FastAPI()

    @app.websocket("/echo/{item}")
    async def echo(
        websocket: WebSocket,
        item: str,
        key: Annotated[str, Depends(cookie_or_token)],
        q: int | None = None,
    ) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{key}: {text} for {item}, {q}")

    @app.websocket("/chat/{name}")
    async def chat(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        room.enter(websocket)
        try:
            while True:
                text = await websocket.receive_text()
                await room.say(f"{name}: {text}")
        except WebSocketDisconnect:
            room.leave(websocket)
            await room.say(f"{name} has left")

    return app


def create_app() -> FastAPI:
    app = FastAPI()

    @app.websocket("/echo/{item}")
    async def echo(
        websocket: WebSocket,
        item: str,
        key: Annotated[str, Depends(cookie_or_token)],
        q: int | None = None,
    ) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{key}: {text} for {item}, {q}")

    @app.websocket("/chat/{name}")
    async def chat(websocket: WebSocket, name: str, room: Inject[Room]) -> None:
        await websocket.accept()
        room.enter(websocket)
        try:
            while True:
                text = await websocket.receive_text()
                await room.say(f"{name}: {text}")
        except WebSocketDisconnect:
            room.leave(websocket)
            await room.say(f"{name} has left")

    return app


with_inject = Container(provider(Room, scope="app")).asgi(create_app)
