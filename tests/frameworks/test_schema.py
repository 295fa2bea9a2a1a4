"""The OpenAPI schema has no trace of injected parameters (J12)."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from frameworks.schema_app import build
from integrations.driving import Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


@pytest.fixture(scope="module")
def plain() -> TestClient:
    """The app without injected parameters."""
    return TestClient(build(None))


@pytest.fixture(scope="module")
def plain_schema(plain: TestClient) -> bytes:
    """What FastAPI answers for it."""
    return plain.get("/openapi.json").content


FORMS = [
    pytest.param(Inject[Session], id="plain"),
    pytest.param(Annotated[Inject[Session], "more"], id="annotated"),
    pytest.param(Inject[Session | None], id="optional"),
]


@pytest.mark.parametrize("needed", FORMS)
def test_schema_is_byte_for_byte_that_of_the_app_without_injection(
    serve: Serve, plain_schema: bytes, needed: Any
) -> None:
    """Whatever else a function has for parameters, and wherever the injected ones stand (J12)."""
    client = serve(Container(open_sessions([], "call")).asgi(build(needed)))
    assert client.get("/openapi.json").content == plain_schema


def test_schema_made_after_requests(serve: Serve, plain_schema: bytes) -> None:
    """FastAPI makes the schema when it is first asked for; requests before do not show (J12)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, "call")).asgi(build(Inject[Session])))
    answers = [
        client.get("/models/query?limit=3"),
        client.get("/tea/outer/inner/5", headers={"x-shop": "x"}),
        client.post("/form/model", data={"name": "n", "password": "p"}),
        client.get("/me", headers={"authorization": "Bearer t"}),
    ]
    assert [answer.json() for answer in answers] == [{"limit": 3}, 5, "n", ["write", "read", "t"]]
    assert len(log) == 2 * len(answers)
    assert client.get("/openapi.json").content == plain_schema


def test_schema_before_between_and_after_lifespans(serve: Serve, plain_schema: bytes) -> None:
    """Scripts that write the schema to a file need no root, and may run at any time (J12)."""

    def dumped() -> Any:
        app.openapi_schema = None
        return app.openapi()

    app = build(Inject[Session])
    expected = json.loads(plain_schema)
    assert dumped() == expected
    for _ in range(2):
        client = serve(Container(open_sessions([], "call")).asgi(app))
        assert dumped() == expected
        client.__exit__(None, None, None)
    assert dumped() == expected


def test_errors_of_validation_are_the_same(serve: Serve, plain: TestClient) -> None:
    """What FastAPI says about wrong values does not mention injected parameters (J12)."""
    client = serve(Container(open_sessions([], "request")).asgi(build(Inject[Session])))
    for method, path, content in [
        ("GET", "/items/0/milk?query=x&several=y", None),
        ("GET", "/models/query?limit=0", None),
        ("GET", "/models/header", None),
        ("POST", "/body/one", {"id": 5}),
        ("PUT", "/body/two/x", {"item": {}, "importance": 0}),
        ("POST", "/form", None),
        ("POST", "/file/one", None),
        ("GET", "/7/outer/inner/x?limit=y", None),
    ]:
        expected = plain.request(method, path, json=content)
        answer = client.request(method, path, json=content)
        assert expected.status_code == 422
        assert (answer.status_code, answer.json()) == (422, expected.json())


def test_docs_pages_are_served(serve: Serve) -> None:
    """FastAPI's own pages work below the root, and open nothing."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, "request")).asgi(FastAPI()))
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 200
    assert log == []


def test_schema_of_generator_endpoints_is_the_same() -> None:
    """The items of a stream are described as without injected parameters."""

    def app_with(needed: Any) -> FastAPI:
        app = FastAPI()

        @app.get("/", response_model=None)
        async def stream(q: str, session: needed = None) -> AsyncIterator[str]:
            yield q

        return app

    plain = FastAPI()

    @plain.get("/", response_model=None)
    async def stream(q: str) -> AsyncIterator[str]:
        yield q

    assert app_with(Inject[Session]).openapi() == plain.openapi()
