"""The tests of the tutorial "Live, and in the background"."""

# --8<-- [start:tests]
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from live_guestbook import app, container
from sqlalchemy.ext.asyncio import AsyncEngine
from test_guestbook import engine_in_memory


@pytest.fixture
def client() -> Iterator[TestClient]:
    with container.override(AsyncEngine, engine_in_memory), TestClient(app) as client:
        yield client


def test_who_listens_hears_of_a_new_guest(client: TestClient) -> None:
    with client.websocket_connect("/live") as live:
        client.post("/entries", json={"name": "Ada"})
        assert live.receive_text() == "Ada is guest number 1"


def test_a_refused_signature_is_not_announced(client: TestClient) -> None:
    with client.websocket_connect("/live") as live:
        client.post("/entries", json={"name": "Ada"})
        live.receive_text()
        assert client.post("/entries", json={"name": "Ada"}).status_code == 409
        client.post("/entries", json={"name": "Grace"})
        assert live.receive_text() == "Grace is guest number 2"


# --8<-- [end:tests]
