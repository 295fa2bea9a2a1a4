"""A FastAPI app that answers with what it sees of the context, around `servers.app`'s providers."""

from collections.abc import AsyncIterator

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from lifescope.integrations.fastapi import Inject
from servers.app import (
    VARIABLES,
    PerRequest,
    Second,
    by_request,
    container,
    in_factory,
    own_lifespan,
    seen,
)

noted: list[dict[str, str]] = []
"""What background tasks have seen."""


async def create_app(second: Second) -> AsyncIterator[FastAPI]:
    async with in_factory():
        app = FastAPI(lifespan=own_lifespan)
        add_routes(app)
        yield app


def add_routes(app: FastAPI) -> None:
    @app.get("/async")
    async def asynchronous() -> dict[str, str]:
        return seen()

    @app.get("/sync")
    def synchronous() -> dict[str, str]:
        return seen()

    @app.get("/injected")
    async def injected(thing: Inject[PerRequest]) -> dict[str, str]:
        return seen()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            for name, value in seen().items():
                yield f"{name}={value}\n"

        return StreamingResponse(body())

    @app.get("/sync-stream")
    def sync_stream() -> StreamingResponse:
        return StreamingResponse(f"{name}={value}\n" for name, value in seen().items())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> None:
        async def task() -> None:
            noted.append(seen())

        tasks.add_task(task)
        tasks.add_task(lambda: noted.append(seen()))

    @app.get("/noted")
    async def get_noted() -> list[dict[str, str]]:
        return noted

    @app.get("/set/{value}")
    async def set_all(value: str) -> dict[str, str]:
        for variable in VARIABLES:
            variable.set(value)
        return seen()

    @app.get("/sync-set/{value}")
    def sync_set_all(value: str) -> dict[str, str]:
        for variable in VARIABLES:
            variable.set(value)
        return seen()

    @app.post("/set-and-upload/{value}")
    async def set_all_and_upload(value: str, request: Request) -> int:
        for variable in VARIABLES:
            variable.set(value)
        return len(await request.body())

    @app.websocket("/websocket")
    async def websocket(websocket: WebSocket, thing: Inject[PerRequest]) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            if text.startswith("set "):
                by_request.set(text.removeprefix("set "))
            await websocket.send_json(seen())


app = container.asgi(create_app)
