"""Ask the two apps under a real uvicorn."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import connect

from contexts.apps import with_a_lifespan, with_a_root, with_middleware

__all__ = ["APPS", "PLACES", "measure"]

APPS = {"a lifespan function": with_a_lifespan, "a root of lifescope": with_a_root}

PLACES = [
    "an endpoint",
    "a def endpoint, in its thread",
    "a streaming body",
    "a background task",
    "a WebSocket",
    "an endpoint below a middleware",
]

LIMIT = 20
"""Seconds for all of it."""


@asynccontextmanager
async def served(app: Any) -> AsyncGenerator[str]:
    """*app* under uvicorn; the port listens from the beginning, so that nobody has to look."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def seen_by(app: Any) -> dict[str, str]:
    """The region, in each place."""
    async with served(with_middleware(app)) as host, httpx.AsyncClient() as client:

        async def get(path: str, **headers: str) -> str:
            return (await client.get(f"http://{host}/{path}", headers=headers)).text

        found = [await get("endpoint"), await get("in_a_thread"), await get("streamed")]
        await get("background")
        found.append(await get("told"))
        async with connect(f"ws://{host}/talk") as websocket:
            found.append(str(await websocket.recv()))
        found.append(await get("endpoint", **{"x-region": "us-west"}))
    return dict(zip(PLACES, found, strict=True))


async def measure() -> dict[str, dict[str, str]]:
    """App to place to what is seen there."""
    async with asyncio.timeout(LIMIT):
        return {name: await seen_by(app) for name, app in APPS.items()}
