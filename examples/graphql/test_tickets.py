"""The GraphQL API does what its page says."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from fastapi.testclient import TestClient
from tickets import DatabaseFile, Visitor, container, create_app, create_tables

from lifescope import provider


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.db"
    create_tables(file)
    return file


@pytest.fixture
def statements() -> list[str]:
    """What the database is asked; "open" for each connection."""
    return []


@pytest.fixture
def client(file: Path, statements: list[str]) -> Iterator[TestClient]:
    @provider(scope="request")
    async def traced(file: DatabaseFile) -> AsyncIterator[aiosqlite.Connection]:
        async with aiosqlite.connect(file) as connection:
            statements.append("open")
            untyped: Any = connection
            await untyped.set_trace_callback(statements.append)
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()

    app = container.asgi(create_app, values={DatabaseFile: file})
    with container.override(aiosqlite.Connection, traced), TestClient(app) as client:
        yield client


def ask(client: TestClient, query: str) -> Any:
    response = client.post("/graphql", json={"query": query})
    assert response.status_code == 200
    return response.json()


def test_program_works_as_it_stands(file: Path) -> None:
    with TestClient(container.asgi(create_app, values={DatabaseFile: file})) as client:
        assert ask(client, "{ seatsLeft }")["data"] == {"seatsLeft": 1}
        assert "data" in ask(client, "mutation { buy(guest: 1, seats: 1) }")
        assert "errors" in ask(client, "mutation { buy(guest: 1, seats: 1) }")
        assert ask(client, "{ seatsLeft }")["data"] == {"seatsLeft": 0}


def test_concurrent_resolvers_share_what_the_request_has(
    client: TestClient, statements: list[str]
) -> None:
    """Resolvers run in tasks of their own; the connection is opened once (G1)."""
    query = "{ a: seatsLeft b: seatsLeft c: tickets { id } d: tickets { guest { name } } }"
    answer = ask(client, query)["data"]
    assert (answer["a"], answer["b"]) == (1, 1)
    assert answer["c"] == [{"id": 1}, {"id": 2}]
    assert answer["d"] == [{"guest": {"name": "Ada"}}, {"guest": {"name": "Grace"}}]
    assert statements.count("open") == 1


def test_data_loader_asks_once_for_all(client: TestClient, statements: list[str]) -> None:
    """The loader is the request's, so what several resolvers want is one question."""
    ask(client, "{ tickets { guest { name } } }")
    asked = [each for each in statements if "FROM guests" in each]
    assert asked == ["SELECT id, name FROM guests WHERE id IN (1, 2)"]


def test_mutation_commits(client: TestClient) -> None:
    assert ask(client, "mutation { buy(guest: 1, seats: 1) }") == {"data": {"buy": 0}}
    assert ask(client, "{ seatsLeft }")["data"] == {"seatsLeft": 0}


def test_failing_mutation_rolls_back(client: TestClient) -> None:
    """The response is a 200 with errors, and nothing of it is kept (G4)."""
    answer = ask(client, "mutation { one: buy(guest: 1, seats: 1) two: buy(guest: 2, seats: 1) }")
    assert len(answer["errors"]) == 1
    assert ask(client, "{ seatsLeft }")["data"] == {"seatsLeft": 1}


def test_schema_does_not_show_injected_parameters(client: TestClient) -> None:
    fields = "queryType { fields { name args { name } } }"
    found = ask(client, f"{{ __schema {{ {fields} }} }}")["data"]["__schema"]["queryType"]
    assert found["fields"] == [{"name": "tickets", "args": []}, {"name": "seatsLeft", "args": []}]


def test_subscriptions_of_a_connection_share_a_scope(client: TestClient) -> None:
    """A WebSocket is one request scope, however many subscriptions it carries (J05)."""
    first = Visitor.count + 1
    for number in (first, first + 1):
        with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as connection:
            connection.send_json({"type": "connection_init"})
            assert connection.receive_json()["type"] == "connection_ack"
            for operation in ("a", "b"):
                query = "subscription { countDown(start: 1) }"
                message = {"type": "subscribe", "id": operation, "payload": {"query": query}}
                connection.send_json(message)
                answer = connection.receive_json()["payload"]["data"]["countDown"]
                assert answer == f"visitor {number}: 1"
                assert connection.receive_json() == {"type": "complete", "id": operation}
