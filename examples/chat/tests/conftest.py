"""The application under test, and a Redis server for those who want one."""

from collections.abc import Generator
from typing import Any, Self

import pytest
from starlette.testclient import TestClient

from chat.app import app, container
from chat.settings import Settings
from jobs.tests.conftest import redis_url

__all__ = ["redis_url"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings() -> Settings:
    """A chat in memory, with a room that soon forgets."""
    return Settings(history=3)


@pytest.fixture(params=["asyncio", "trio"])
def client(request: pytest.FixtureRequest, settings: Settings) -> Generator[TestClient]:
    """A client of the running application."""
    backend: Any = request.param
    with container.override(Settings, settings), TestClient(app, backend=backend) as client:
        yield client


class Visit:
    """Somebody who has entered a room, as a client sees it."""

    def __init__(self, client: TestClient, name: str, room: str = "tea") -> None:
        self._socket = client.websocket_connect(f"/rooms/{room}/live?name={name}")

    def __enter__(self) -> Self:
        self._socket.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.__exit__(*error)

    def say(self, text: str) -> None:
        self._socket.send_text(text)

    def sees(self) -> str:
        """The next thing that happens, as a line."""
        message = self._socket.receive_json()
        return " ".join(str(message[part]) for part in ("name", "kind", "text") if message[part])

    def is_refused(self) -> str:
        message = self._socket.receive_json()
        assert message["kind"] == "refused"
        return str(message["text"])
