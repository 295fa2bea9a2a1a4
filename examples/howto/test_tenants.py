"""The page "Keep tenants apart": each tenant has a database, and sees no other."""

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from howto import tenants
from howto.tenants import Meter, Tenant, app, container


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tenants.create_tables()
    return tmp_path


@pytest.fixture
def client() -> Generator[TestClient]:
    with TestClient(app) as client:
        yield client


def orders(folder: Path, tenant: str) -> list[str]:
    with closing(sqlite3.connect(folder / f"{tenant}.db")) as connection:
        return [item for (item,) in connection.execute("SELECT item FROM orders")]


def order(client: TestClient, item: str, tenant: str) -> int:
    return client.post(f"/orders/{item}", headers={"x-tenant": tenant}).status_code


def test_each_tenant_has_a_database(client: TestClient, folder: Path) -> None:
    assert order(client, "tea", "tea-house") == 200
    assert order(client, "novel", "book-shop") == 200
    assert orders(folder, "tea-house") == ["tea"]
    assert orders(folder, "book-shop") == ["novel"]


def test_unknown_tenant_is_refused(client: TestClient) -> None:
    """What a provider raises is the answer of the endpoint that needed it."""
    assert order(client, "tea", "nobody") == 404


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_meter_counts_for_whoever_asks() -> None:
    """Something that lives as long as the app reaches the value of the running request."""
    async with container.open() as app_scope:
        meter = await app_scope.get(Meter)
        for name in ("tea-house", "tea-house", "book-shop"):
            with container.override(Tenant, Tenant(name)):
                async with app_scope.open():
                    await meter.count()
    assert meter.counts == {Tenant("tea-house"): 2, Tenant("book-shop"): 1}


def test_work_in_the_background_is_told_the_tenant(folder: Path) -> None:
    tenants.COUNTED.clear()
    with TestClient(app) as client:
        order(client, "tea", "tea-house")
        assert client.post("/recount", headers={"x-tenant": "tea-house"}).status_code == 200
    assert tenants.COUNTED == ["tea-house: 1"]  # at the latest when the app has stopped


# --8<-- [start:test]
def test_as_a_tenant(folder: Path) -> None:
    book_shop = Tenant("book-shop")
    with container.override(Tenant, book_shop), TestClient(app) as client:
        client.post("/orders/novel")  # no header
    assert orders(folder, "book-shop") == ["novel"]


# --8<-- [end:test]
