"""The adapter for Falcon keeps the promises that the page makes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from falcon import HTTPConflict, HTTPNotFound, WebSocketDisconnected, asgi
from falcon.testing import ASGIConductor

from adapter import for_falcon, rooms
from adapter.for_falcon import App, Inject
from lifescope import Container, current_scope, provider

pytestmark = pytest.mark.anyio


class Session:
    """Something that must not be used after its release."""

    is_open = True


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # Falcon's


@pytest.fixture
def log() -> list[str]:
    """How each session has ended."""
    return []


def root_of(resource: object, log: list[str], **settings: Any) -> Any:
    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        session = Session()
        try:
            yield session
        except BaseException as error:
            log.append(type(error).__name__)
            raise
        else:
            log.append("committed")
        finally:
            session.is_open = False

    def create_app() -> App:
        app = App()
        app.add_route("/", resource)
        app.add_route("/{other}", resource)
        return app

    return Container(session, for_falcon.request).asgi(create_app, **settings)


async def test_example_program() -> None:
    """A booking is there when its request has succeeded, and only then."""
    async with ASGIConductor(rooms.app) as client:
        answer = await client.simulate_put("/rooms/12", headers={"X-Guest": "Ada"})
        assert (answer.status_code, answer.text) == (200, "12 is for Ada")
        assert (await client.simulate_put("/rooms/13")).status_code == 409
        (startup,) = rooms.app.startups
        assert [step.key for step in startup.steps] == ["Rooms"]
    assert rooms.BOOKED[-1] == {"12"}


class Injected:
    async def on_get(
        self, req: asgi.Request, resp: asgi.Response, other: str = "", *, session: Inject[Session]
    ) -> None:
        resp.text = f"{session.is_open} {other}"

    async def on_put(
        self, req: asgi.Request, resp: asgi.Response, *, session: Inject[Session]
    ) -> None:
        raise HTTPConflict

    async def on_post(self, req: asgi.Request, resp: asgi.Response) -> None:
        await current_scope().get(Session)
        raise HTTPNotFound

    async def on_websocket(
        self, req: asgi.Request, ws: asgi.WebSocket, *, session: Inject[Session]
    ) -> None:
        await ws.accept()
        await ws.send_text(str(session.is_open))
        await ws.receive_text()
        raise HTTPConflict


async def test_responder_is_filled(log: list[str]) -> None:
    """On each of its routes, with the fields of the template."""
    async with ASGIConductor(root_of(Injected(), log)) as client:
        assert (await client.simulate_get("/")).text == "True "
        assert (await client.simulate_get("/field")).text == "True field"
    assert log == ["committed", "committed"]


@pytest.mark.parametrize(("method", "error"), [("PUT", "HTTPConflict"), ("POST", "HTTPNotFound")])
async def test_error_that_falcon_handles_rolls_back(
    log: list[str], method: str, error: str
) -> None:
    """Also in a responder without injected parameters (G4)."""
    async with ASGIConductor(root_of(Injected(), log)) as client:
        assert (await client.simulate_request(method, "/")).status_code in (404, 409)
    assert log == [error]


async def test_policy_says_which_errors_count(log: list[str]) -> None:
    """`is_failure` is asked about what leaves a responder."""

    def is_failure(error: Exception) -> bool:
        return not isinstance(error, HTTPConflict)

    async with ASGIConductor(root_of(Injected(), log, is_failure=is_failure)) as client:
        await client.simulate_put("/")
        await client.simulate_post("/")
    assert log == ["committed", "HTTPNotFound"]


async def test_websocket_responder(log: list[str]) -> None:
    """A WebSocket is filled, and told about, in the same way."""
    async with ASGIConductor(root_of(Injected(), log)) as client:
        async with client.simulate_ws("/") as connection:
            assert await connection.receive_text() == "True"
            await connection.send_text("go on")
            with pytest.raises(WebSocketDisconnected):
                await connection.receive_text()
    assert log == ["HTTPConflict"]


async def test_stream_has_a_live_scope(log: list[str]) -> None:
    """The request scope ends after the body has been sent (G11)."""

    class Streaming:
        async def on_get(
            self, req: asgi.Request, resp: asgi.Response, *, session: Inject[Session]
        ) -> None:
            async def body() -> AsyncIterator[bytes]:
                yield str(session.is_open).encode()

            resp.stream = body()

    async with ASGIConductor(root_of(Streaming(), log)) as client:
        assert (await client.simulate_get("/")).text == "True"
    assert log == ["committed"]


async def test_provider_gets_falcons_own_request(log: list[str]) -> None:
    """It is the very object that the responder gets."""

    class Asking:
        async def on_get(
            self, req: asgi.Request, resp: asgi.Response, *, own: Inject[asgi.Request]
        ) -> None:
            resp.media = own is req

    async with ASGIConductor(root_of(Asking(), log)) as client:
        assert (await client.simulate_get("/")).json is True
