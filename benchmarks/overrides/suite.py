"""The tests of which `python -m benchmarks.overrides` measures the time, run by pytest."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, nullcontext
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
    "a provider, declared for each test": lambda container, name: container.override(
        FORMS[name], provider(FORMS[name], scope=FAKES[name].scope)
    ),
    "a provider that the test defines": _with_a_new_provider,
}
"""What is around a test."""

CASES = [
    pytest.param(variant, OVERRIDDEN[number % len(OVERRIDDEN)], id=f"{number}-{variant}")
    for number in range(TESTS)
    for variant in [*VARIANTS][number % len(VARIANTS) :] + [*VARIANTS][: number % len(VARIANTS)]
]
"""Each test in every variant, one after the other, so that all have the same slow moments."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def containers() -> dict[str, Container]:
    """One for each variant: none profits from what another one has left in it."""
    return {variant: make_container() for variant in VARIANTS}


@pytest.fixture(scope="module")
async def https(containers: dict[str, Container]) -> AsyncIterator[dict[str, AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients: dict[str, AsyncClient] = {}
        for variant, container in containers.items():
            app = await stack.enter_async_context(running(container.asgi(create_app)))
            client = AsyncClient(transport=ASGITransport(app=app), base_url="http://test")
            clients[variant] = await stack.enter_async_context(client)
        yield clients


@pytest.fixture(scope="module")
def clients(containers: dict[str, Container]) -> Iterator[dict[str, TestClient]]:
    with ExitStack() as stack:
        yield {
            variant: stack.enter_context(TestClient(container.asgi(create_app)))
            for variant, container in containers.items()
        }


@pytest.mark.anyio
@pytest.mark.parametrize(("variant", "name"), CASES)
async def test_httpx(
    https: dict[str, AsyncClient], containers: dict[str, Container], variant: str, name: str
) -> None:
    http = https[variant]
    async with VARIANTS[variant](containers[variant], name):
        response = await http.get("/buy")
    assert response.json() == {"bought": "Handler"}


@pytest.mark.parametrize(("variant", "name"), CASES)
def test_client(
    clients: dict[str, TestClient], containers: dict[str, Container], variant: str, name: str
) -> None:
    client = clients[variant]
    with VARIANTS[variant](containers[variant], name):
        response = client.get("/buy")
    assert response.json() == {"bought": "Handler"}
