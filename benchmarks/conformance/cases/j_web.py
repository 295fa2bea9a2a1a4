"""Group J: inside FastAPI, wired as each container's documentation says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

from benchmarks.conformance import asgi
from benchmarks.conformance.cases.d_outcome import managed
from benchmarks.conformance.harness import Log, case
from benchmarks.conformance.protocol import Declaration, Peer, provide
from benchmarks.conformance.things import A, resource_a
from fastapi import BackgroundTasks, HTTPException, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse


async def _get(
    peer: Peer, handler: Callable[..., Any], *sources: Declaration, **route: Any
) -> asgi.Response:
    """GET / of an app whose one route has *handler*, which is given the A."""
    app = peer.web(handler, A, *sources, **route)
    async with asgi.running(app) as state:
        return await asgi.get(app, state)


@case
async def streaming(peer: Peer, log: Log) -> None:
    """J01: A streaming body uses the resource, which is released after its last piece."""

    async def chunks() -> AsyncIterator[str]:
        log("first")
        yield "x"
        await asyncio.sleep(0)
        log("last")
        yield "y"

    async def handler(a: A) -> StreamingResponse:
        return StreamingResponse(chunks())

    response = await _get(peer, handler, resource_a(log))
    assert (response.status, response.body) == (200, b"xy"), response
    assert log.events == ["acquired A", "first", "last", "release A", "released A"], log.events


@case
async def handled_error(peer: Peer, log: Log) -> None:
    """J02: The handler raises HTTPException, a 409: the transaction rolls back."""

    async def handler(a: A) -> None:
        raise HTTPException(409)

    response = await _get(peer, handler, managed(log))
    assert response.status == 409, response
    assert log.events == ["begin", "roll back"], log.events


@case
async def websocket(peer: Peer, log: Log) -> None:
    """J05: A WebSocket has one object of what lives as long as a request."""

    async def handler(a: A, websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            log(text)
            await websocket.send_text(text)

    app = peer.web(handler, A, resource_a(log), websocket=True)
    async with asgi.running(app) as state:
        response = await asgi.websocket(app, state, ["one", "two"])
    assert response.error is None, repr(response.error)
    assert log.events == ["acquired A", "one", "two", "release A", "released A"], log.events


@case
async def background_task(peer: Peer, log: Log) -> None:
    """J08: A background task of the response runs before anything is released."""

    def task() -> None:
        log("in background")

    async def handler(a: A) -> JSONResponse:
        tasks = BackgroundTasks()
        tasks.add_task(task)
        return JSONResponse({}, background=tasks)

    response = await _get(peer, handler, resource_a(log))
    assert response.status == 200, response
    assert log.events == ["acquired A", "in background", "release A", "released A"], log.events


_SETTING: ContextVar[str] = ContextVar("_SETTING", default="unset")


@case
async def context_variable(peer: Peer, log: Log) -> None:
    """J10: A context variable set by a provider is seen by the handler, then reset."""

    async def make() -> AsyncIterator[A]:
        token = _SETTING.set("set")
        try:
            yield A()
        finally:
            _SETTING.reset(token)
            log("reset")

    async def handler(a: A) -> None:
        log(_SETTING.get())

    response = await _get(peer, handler, provide(make, "request"))
    assert response.status == 200, response
    assert log.events == ["set", "reset"], log.events


@case
async def endpoint_in_a_thread(peer: Peer, log: Log) -> None:
    """J11: A `def` endpoint gets what an async provider makes."""

    def handler(a: A) -> None:
        log(type(a).__name__)

    response = await _get(peer, handler, resource_a(log))
    assert response.status == 200, response
    assert log.events == ["acquired A", "A", "release A", "released A"], log.events


@case
async def schema(peer: Peer, log: Log) -> None:
    """J12: What is injected does not appear in the API's schema."""

    async def handler(a: A) -> None: ...

    app = peer.web(handler, A, resource_a(log))
    async with asgi.running(app) as state:
        response = await asgi.call(
            app, asgi.http_scope(state, path="/openapi.json", raw_path=b"/openapi.json")
        )
    assert response.status == 200, response
    assert b"parameters" not in response.body, response.body
    assert b"requestBody" not in response.body, response.body
