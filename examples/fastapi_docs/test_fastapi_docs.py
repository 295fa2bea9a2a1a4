"""Both apps of every topic give the same answers."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fastapi_docs import (
    background,
    chat,
    current_user,
    database,
    dependencies_with_yield,
    early_end,
    errors_and_yield,
    guards,
    overriding,
    settings,
    shared_parameters,
    sub_dependencies,
)

Asked = tuple[str, str] | tuple[str, str, Mapping[str, Any]]
"""Method, path, and further arguments of the client."""


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {token}"}}


def headers(**values: str) -> dict[str, Any]:
    return {"headers": {name.replace("_", "-"): value for name, value in values.items()}}


TOPICS: list[tuple[Any, list[Asked]]] = [
    (
        shared_parameters,
        [
            ("GET", "/items/"),
            ("GET", "/items/?q=p&skip=1"),
            ("GET", "/items/?limit=2"),
            ("GET", "/count/?q=t"),
            ("GET", "/count/?skip=x"),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        sub_dependencies,
        [
            ("GET", "/search"),
            ("GET", "/search?q=tea"),
            ("GET", "/search", headers(cookie="last_query=cup")),
            ("GET", "/once"),
            ("GET", "/anew"),
        ],
    ),
    (
        dependencies_with_yield,
        [("GET", "/rows"), ("GET", "/log"), ("GET", "/rows"), ("GET", "/log")],
    ),
    (
        errors_and_yield,
        [
            ("GET", "/items/kettle"),
            ("GET", "/items/pot"),
            ("GET", "/items/cup"),
            ("GET", "/items/spoon"),
            ("GET", "/outcomes"),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        early_end,
        [
            ("POST", "/withdraw?amount=5"),
            ("POST", "/withdraw?amount=500"),
            ("POST", "/withdraw"),
            ("GET", "/withdraw"),
        ],
    ),
    (
        guards,
        [
            ("GET", "/contains?q=teapot"),
            ("GET", "/contains?q=teapot", headers(x_token="wrong")),
            ("GET", "/contains?q=teapot", headers(x_token=guards.TOKEN)),
            ("GET", "/contains?q=cup", headers(x_token=guards.TOKEN)),
            ("GET", "/admin/users", headers(x_token=guards.TOKEN)),
            ("GET", "/admin/users", headers(x_token=guards.TOKEN, x_role="admin")),
            ("GET", "/admin/users", headers(x_role="admin")),
            ("GET", "/nothing", headers(x_token="wrong")),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        current_user,
        [
            ("GET", "/me"),
            *[(method, "/me", bearer(name)) for method in ("GET", "PUT") for name in
              ("ada", "grace", "alan", "nobody")],
            ("GET", "/status", bearer("alan")),
            ("GET", "/status", bearer("nobody")),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        settings,
        [
            ("GET", "/info"),
            ("GET", "/predict?x=2"),
            ("GET", "/predict?x=two"),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        database,
        [
            ("POST", "/heroes/", {"json": {"name": "Ada", "age": 36}}),
            ("POST", "/heroes/", {"json": {"name": "Ada"}}),
            ("POST", "/teams/", {"json": [{"name": "Grace"}, {"name": "Alan"}]}),
            ("POST", "/teams/", {"json": [{"name": "Kurt"}, {"name": "Ada"}]}),
            ("POST", "/heroes/", {"json": {"age": 36}}),
            ("GET", "/heroes/"),
            ("GET", "/heroes/Grace"),
            ("GET", "/heroes/Kurt"),
            ("GET", "/stream"),
            ("GET", "/openapi.json"),
        ],
    ),
    (
        background,
        [
            ("POST", "/notify/Ada?q=tea"),
            ("POST", "/notify/Grace"),
            ("GET", "/outbox"),
            ("GET", "/openapi.json"),
        ],
    ),
    (overriding, [("GET", "/time"), ("GET", "/openapi.json")]),
]  # fmt: skip


def answers(app: Any, requests: list[Asked]) -> list[Any]:
    """Status, headers and body of each answer."""
    found: list[Any] = []
    with TestClient(app, raise_server_exceptions=False) as client:
        for method, path, *more in requests:
            client.cookies.clear()
            answer = client.request(method, path, **(more[0] if more else {}))
            found.append((answer.status_code, sorted(answer.headers.multi_items()), answer.text))
    return found


@pytest.mark.parametrize(
    ("topic", "requests"), TOPICS, ids=[topic.__name__.partition(".")[2] for topic, _ in TOPICS]
)
def test_both_apps_give_the_same_answers(topic: Any, requests: list[Asked]) -> None:
    expected = answers(topic.as_fastapi_shows(), requests)
    assert answers(topic.with_inject, requests) == expected
    assert any(status == 200 for status, *_ in expected)


def test_what_the_answers_are() -> None:
    """So that it is not the same nonsense twice."""
    with TestClient(dependencies_with_yield.with_inject) as client:
        client.get("/rows")
        assert client.get("/log").json() == [
            *("open database", "open transaction", "open cursor"),
            *("close cursor of transaction", "close transaction of database", "close database"),
        ]
    with TestClient(errors_and_yield.with_inject, raise_server_exceptions=False) as client:
        codes = [client.get(f"/items/{i}").status_code for i in ("kettle", "pot", "cup", "spoon")]
        assert codes == [200, 400, 404, 500]
        outcomes = ["fine", "OwnerError", "HTTPException", "RuntimeError"]
        assert client.get("/outcomes").json() == outcomes
    with TestClient(early_end.with_inject) as client:
        assert client.post("/withdraw?amount=500").json() == {"detail": "overdrawn"}
    with TestClient(sub_dependencies.with_inject) as client:
        assert [client.get(path).json() for path in ("/once", "/anew")] == [True, False]


CHATS = [
    pytest.param(chat.as_fastapi_shows, id="as_fastapi_shows"),
    pytest.param(lambda: chat.with_inject, id="with_inject"),
]


@pytest.mark.parametrize("app", CHATS)
def test_echo(app: Any) -> None:
    with TestClient(app()) as client:
        with client.websocket_connect("/echo/tea?token=t&q=5") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "t: hello for tea, 5"
        with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/echo/tea"):
            pass
        assert caught.value.code == 1008
        client.cookies.set("session", "s")
        with client.websocket_connect("/echo/tea") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "s: hello for tea, None"


@pytest.mark.parametrize("app", CHATS)
def test_chat(app: Any) -> None:
    with TestClient(app()) as client, client.websocket_connect("/chat/Ada") as ada:
        ada.send_text("first")
        assert ada.receive_text() == "Ada: first"
        with client.websocket_connect("/chat/Grace") as grace:
            grace.send_text("hello")
            assert [ada.receive_text(), grace.receive_text()] == ["Grace: hello"] * 2
            grace.close()
            assert ada.receive_text() == "Grace has left"


@pytest.mark.parametrize(
    "tested", [overriding.tested_as_fastapi_shows, overriding.tested_with_inject]
)
def test_replaced_for_a_test(tested: Any) -> None:
    with tested() as client:
        assert client.get("/time").json() == "five to eight"
