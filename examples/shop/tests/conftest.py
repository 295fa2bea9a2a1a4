"""The application under test, with a database, a mailbox and a payment service of its own."""

import mailbox
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from jobs.tests.conftest import redis_url
from lifescope import provider
from shop.app import app, container
from shop.fake_payments import FakePayments
from shop.providers import PaymentsClient
from shop.settings import Settings

__all__ = ["redis_url"]

TENANT = "tea-house"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty database; a class of tests can have another one."""
    return f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url, mailbox=tmp_path / "shop.mbox")


@pytest.fixture
def payments() -> FakePayments:
    return FakePayments()


@pytest.fixture
def overrides(settings: Settings, payments: FakePayments) -> dict[Any, Any]:
    """What is not as in production; a test may add to it."""

    @provider(scope="app", name="payments")
    async def payments_client() -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(payments.app())
        async with httpx.AsyncClient(base_url="http://test", transport=transport) as client:
            yield client

    return {Settings: settings, PaymentsClient: payments_client}


@pytest.fixture
def client(overrides: dict[Any, Any]) -> Generator[TestClient]:
    """A client of the running application."""
    with (
        container.override(overrides),
        TestClient(app, headers={"X-Tenant": TENANT}, raise_server_exceptions=False) as client,
    ):
        yield client


def letters(settings: Settings) -> list[tuple[str, str]]:
    """To whom a letter was sent, and its subject."""
    file = mailbox.mbox(settings.mailbox)
    try:
        return [(str(letter["To"]), str(letter["Subject"])) for letter in file]
    finally:
        file.close()


def add_product(client: TestClient, sku: str = "tea", price: int = 300, stock: int = 20) -> None:
    draft = {"sku": sku, "name": sku.title(), "price": price, "stock": stock}
    assert client.post("/products", json=draft).status_code == 201


def add_customer(client: TestClient, card: str = "visa") -> int:
    draft = {"name": "Ada", "email": f"{card}@example.org", "card": card}
    posted = client.post("/customers", json=draft)
    assert posted.status_code == 201
    return int(posted.json()["id"])


def order(client: TestClient, customer: int, **items: int) -> dict[str, Any]:
    posted = client.post("/orders", json={"customer_id": customer, "items": items})
    assert posted.status_code == 201
    placed: dict[str, Any] = posted.json()
    return placed


def state(client: TestClient, number: int) -> str:
    return str(client.get(f"/orders/{number}").json()["state"])


def stock(client: TestClient, sku: str = "tea") -> int:
    return int(client.get(f"/products/{sku}").json()["stock"])
