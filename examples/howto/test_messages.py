"""The page "Serve WebSockets": what lives as long as the connection, and what does not."""

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from howto.messages import app


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "messages.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE attempts (name TEXT)")
        connection.execute("CREATE TABLE messages (name TEXT, message TEXT UNIQUE)")
    return file


@pytest.fixture
def client(file: Path) -> Generator[TestClient]:
    with TestClient(app) as client:
        yield client


def count(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(number)


# --8<-- [start:test]
def test_each_message_has_a_transaction(client: TestClient, file: Path) -> None:
    with client.websocket_connect("/live?name=Ada") as live:
        live.send_text("hello")
        assert live.receive_text() == "noted"
        assert count(file, "messages") == 1  # committed, although the connection goes on
        live.send_text("hello")
        assert live.receive_text() == "that was said before"
        assert count(file, "attempts") == 1  # rolled back, and only that


# --8<-- [end:test]


def test_visit_lasts_as_long_as_the_connection(client: TestClient) -> None:
    """G11: the request scope of a WebSocket ends with it."""
    with client.websocket_connect("/live?name=Ada") as live:
        live.send_text("hello")
        live.receive_text()
        assert client.get("/visitors").json() == ["Ada"]
    assert client.get("/visitors").json() == []


def test_refused_before_it_is_accepted(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/live"):
        pass
    assert caught.value.code == 1008
