"""FastAPI's generator endpoints: JSON lines, server-sent events, and raw streams."""

import json
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse

from frameworks.forms import LOOPS, SCOPES, Refused
from integrations.driving import Serve, Session, open_sessions
from lifescope import Container, current_scope
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


Lines = Callable[[Any], Iterator[Any]]
Streaming = Callable[[FastAPI, Any, Lines], None]
"""Adds a generator endpoint "GET /" with a parameter of an annotation, as in `forms`."""


def json_lines(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/")
    async def endpoint(session: needed) -> AsyncIterable[Any]:
        for line in lines(session):
            yield line


def sync_json_lines(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/")
    def endpoint(session: needed) -> Iterator[Any]:
        yield from lines(session)


def events(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/", response_class=EventSourceResponse)
    async def endpoint(session: needed) -> AsyncIterable[Any]:
        for line in lines(session):
            yield line


def sync_events(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/", response_class=EventSourceResponse)
    def endpoint(session: needed) -> Iterator[Any]:
        yield from lines(session)


def raw_stream(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/", response_class=StreamingResponse)
    async def endpoint(session: needed) -> AsyncIterable[Any]:
        for line in lines(session):
            yield json.dumps(line) + "\n"


def sync_raw_stream(app: FastAPI, needed: Any, lines: Lines) -> None:
    @app.get("/", response_class=StreamingResponse)
    def endpoint(session: needed) -> Iterator[str]:
        for line in lines(session):
            yield json.dumps(line) + "\n"


def texts(body: str) -> list[Any]:
    """What is in lines of JSON, and in events."""
    lines = [line.removeprefix("data: ") for line in body.splitlines()]
    return [json.loads(line) for line in lines if line]


STREAMINGS = [json_lines, sync_json_lines, events, sync_events, raw_stream, sync_raw_stream]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("streaming", STREAMINGS)
def test_generator_endpoint_reads_from_a_live_object(
    serve: Serve, streaming: Streaming, scope: str
) -> None:
    """A generator endpoint returns when its body was sent; until then the call lasts (J01, G11)."""
    log: list[str] = []
    app = FastAPI()
    streaming(app, Inject[Session], lambda session: (session.read() for _ in range(3)))
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert texts(client.get("/").text) == ["session 1"] * 3
    assert log == ["open 1", "commit 1"]
    assert texts(client.get("/").text) == ["session 2"] * 3


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("streaming", STREAMINGS)
def test_generator_endpoint_finds_the_current_scope(
    serve: Serve, streaming: Streaming, scope: str
) -> None:
    """Inside a generator, async or in threads, `current_scope()` has the same object (J01, G6)."""
    app = FastAPI()

    def asks(session: Session) -> Iterator[bool]:
        for _ in range(3):
            yield current_scope().get_nowait(Session) is session

    streaming(app, Inject[Session], asks)
    client = serve(Container(open_sessions([], scope)).asgi(app))
    assert texts(client.get("/").text) == [True] * 3


@pytest.mark.parametrize("streaming", STREAMINGS)
def test_generator_endpoint_that_asks_for_nothing_finds_the_request(
    serve: Serve, streaming: Streaming
) -> None:
    """Where nothing is injected, too, the body may ask the request's scope for more (J01)."""
    app = FastAPI()

    def nothing() -> None: ...

    def asks(_: Any) -> Iterator[list[Any]]:
        scope = current_scope()
        yield [scope.name, scope.closed]

    streaming(app, Annotated[Any, Depends(nothing)], asks)
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert texts(client.get("/").text) == [["request", False]]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("streaming", STREAMINGS)
def test_error_in_a_generator_endpoint_rolls_back(
    serve: Serve, streaming: Streaming, scope: str
) -> None:
    """An error after the response has started arrives at the yield (J01, G4)."""
    log: list[str] = []
    app = FastAPI()

    def fails(session: Session) -> Iterator[str]:
        yield session.read()
        raise Refused

    streaming(app, Inject[Session], fails)
    client = serve(Container(open_sessions(log, scope)).asgi(app), raises=False)
    client.get("/")
    assert log[0] == "open 1"
    assert log[1].startswith("roll back 1: ")
    assert len(log) == 2
