"""The tests of which `python -m benchmarks.overrides` measures the time, run by pytest."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from benchmarks.overrides.shop import FORMS, OVERRIDDEN, create_app, make_container
from fastapi.testclient import TestClient
from httpx import ASGITransport, AsyncClient

from lifescope import Container, provider
from lifescope.testing import running

TESTS = 200
IN_REQUESTS = ("Shipping", "Users")

FAKES = {
    name: provider(FORMS[name], scope="request" if name in IN_REQUESTS else "app")
    for name in OVERRIDDEN
}

Around = Callable[[Container, str], Any]


def _with_a_new_provider(container: Container, name: str) -> Any:
    fake = type(name, (FORMS[name],), {})
    return container.override(FORMS[name], provider(fake, scope=FAKES[name].scope))


VARIANTS: dict[str, Around] = {
    "no override": lambda container, name: nullcontext(),
    "an object": lambda container, name: container.override(FORMS[name], FORMS[name]()),
    "an object, `local=True`": lambda container, name: container.override(
        FORMS[name], FORMS[name](), local=True
    ),
    "a provider": lambda container, name: container.override(FORMS[name], FAKES[name]),
    "a provider that the test defines": _with_a_new_provider,
}
"""What is around a test."""

AROUND = VARIANTS[os.environ.get("OVERRIDES_VARIANT", "no override")]
NAMES = [OVERRIDDEN[number % len(OVERRIDDEN)] for number in range(TESTS)]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def container() -> Container:
    return make_container()


@pytest.fixture(scope="module")
async def http(container: Container) -> AsyncIterator[AsyncClient]:
    async with running(container.asgi(create_app)) as app:
        async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
            yield client


@pytest.fixture(scope="module")
def client(container: Container) -> Iterator[TestClient]:
    with TestClient(container.asgi(create_app)) as client:
        yield client


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_httpx(http: AsyncClient, container: Container, name: str) -> None:
    async with AROUND(container, name):
        response = await http.get("/buy")
    assert response.json() == {"bought": "Handler"}


@pytest.mark.parametrize("name", NAMES)
def test_client(client: TestClient, container: Container, name: str) -> None:
    with AROUND(container, name):
        response = client.get("/buy")
    assert response.json() == {"bought": "Handler"}
