"""The routes: HTTP and WebSocket in, answers out."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
from starlette import status
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from chat.backend import History, Presence
from chat.messages import BadVisitorError, Visitor
from chat.talk import RefusedError, Talk
from chat.visits import Visit
from lifescope.integrations.starlette import Inject, inject

PAGE = Path(__file__).with_name("page.html")


def create_app() -> Starlette:
    """Make the web application; the app scope is open when lifescope calls this."""
    return Starlette(
        routes=[
            Route("/", page),
            Route("/rooms", rooms),
            Route("/rooms/{room}/people", people),
            Route("/rooms/{room}/messages", messages),
            Route("/rooms/{room}/messages", say, methods=["POST"]),
            WebSocketRoute("/rooms/{room}/live", live),
        ],
        exception_handlers={BadVisitorError: refuse, RefusedError: refuse},
    )


async def page(request: Request) -> Response:
    return FileResponse(PAGE)


@inject
async def rooms(request: Request, presence: Inject[Presence]) -> Response:
    return JSONResponse(dict(await presence.rooms()))


@inject
async def people(request: Request, presence: Inject[Presence]) -> Response:
    return JSONResponse(list(await presence.people(request.path_params["room"])))


@inject
async def messages(request: Request, history: Inject[History]) -> Response:
    latest = await history.latest(request.path_params["room"])
    return JSONResponse([asdict(message) for message in latest])


@inject
async def say(request: Request, visitor: Inject[Visitor], talk: Inject[Talk]) -> Response:
    """For programs that have something to say: the text is the body, the name in the query."""
    message = await talk.say(visitor, (await request.body()).decode(errors="replace"))
    return JSONResponse(asdict(message), status.HTTP_201_CREATED)


# --8<-- [start:live]
@inject
async def live(websocket: WebSocket, visit: Inject[Visit]) -> None:
    await websocket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_show, visit, websocket)
        async for text in websocket.iter_text():
            try:
                await visit.say(text)
            except RefusedError as error:
                await websocket.send_text(json.dumps({"kind": "refused", "text": str(error)}))
        tasks.cancel_scope.cancel()


# --8<-- [end:live]


async def _show(visit: Visit, websocket: WebSocket) -> None:
    async for message in visit.messages():
        await websocket.send_text(message.to_json())
    # The hub has cut us off. The page connects again, and gets what the room remembers.
    await websocket.close(status.WS_1013_TRY_AGAIN_LATER, "too far behind")


async def refuse(connection: HTTPConnection, error: Exception) -> Any:
    """Tell whoever is no visitor, or says what may not be said: with a response, over HTTP."""
    if isinstance(connection, WebSocket):
        await connection.close(status.WS_1008_POLICY_VIOLATION, str(error))
        return None
    return PlainTextResponse(str(error), status.HTTP_422_UNPROCESSABLE_CONTENT)
