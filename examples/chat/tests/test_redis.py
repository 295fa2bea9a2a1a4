"""Two processes, as far as they know, that share a real Redis server."""

import json
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from chat.app import app, container
from chat.redis_backend import PRESENT
from chat.settings import Settings
from chat.tests.conftest import Visit
from jobs.tests.redis_server import running_server


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings(redis_url, history=3)


@pytest.fixture
def clients(settings: Settings) -> Generator[tuple[TestClient, TestClient]]:
    """Two event loops, in which one root runs: each has an app scope of its own (G12)."""
    with (
        container.override(Settings, settings),
        TestClient(app) as here,
        TestClient(app) as there,
    ):
        yield here, there


def test_everybody_everywhere_is_in_the_room(clients: tuple[TestClient, TestClient]) -> None:
    here, there = clients
    with Visit(here, "Ada") as ada:
        assert ada.sees() == "Ada came"
        with Visit(there, "Grace") as grace:
            assert ada.sees() == grace.sees() == "Grace came"
            grace.say("Good morning")
            assert ada.sees() == grace.sees() == "Grace said Good morning"
            for client in clients:
                assert client.get("/rooms/tea/people").json() == ["Ada", "Grace"]
                assert client.get("/rooms").json() == {"tea": 2}
        assert ada.sees() == "Grace left"
    assert there.get("/rooms").json() == {}


def test_rooms_remember_everywhere(clients: tuple[TestClient, TestClient]) -> None:
    here, there = clients
    for number in range(5):
        here.post("/rooms/tea/messages?name=Bot", content=f"Number {number}")
    with Visit(there, "Ada") as ada:
        assert [ada.sees() for _ in range(4)] == [
            "Bot said Number 2",
            "Bot said Number 3",
            "Bot said Number 4",
            "Ada came",
        ]


def test_who_was_in_a_process_that_was_killed_is_gone_one_day(
    clients: tuple[TestClient, TestClient], redis_url: str
) -> None:
    here, _ = clients
    with Redis.from_url(redis_url) as redis, Visit(here, "Ada") as ada:  # pyright: ignore[reportUnknownMemberType]
        assert ada.sees() == "Ada came"
        redis.zadd(PRESENT, {json.dumps(["tea", "Ghost", "1"]): 1})  # believed until 1970
        assert here.get("/rooms/tea/people").json() == ["Ada"]


def test_no_redis_no_chat() -> None:
    """G8: When the task that listens fails, the app ends, and clients are told to come again."""
    with running_server() as url, container.override(Settings, Settings(url)):
        server: Any = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
        with pytest.raises(ExceptionGroup) as crash:  # noqa: PT012
            with TestClient(app) as client:
                with Visit(client, "Ada") as ada:
                    assert ada.sees() == "Ada came"
                    with suppress(RedisConnectionError):
                        server.shutdown(nosave=True)
                    with pytest.raises(WebSocketDisconnect) as end:
                        ada.sees()
                    assert end.value.code == 1012
                assert client.get("/rooms").status_code == 503
        server.close()
    assert crash.group_contains(RedisConnectionError, depth=1)
