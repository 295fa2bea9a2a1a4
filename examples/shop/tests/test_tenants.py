"""Each request, and each job, is about one shop."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from shop.tests.conftest import add_customer, add_product, order

OTHER = {"X-Tenant": "book-shop"}


def test_shops_see_nothing_of_each_other(client: TestClient) -> None:
    add_product(client)
    placed = order(client, add_customer(client), tea=2)
    assert client.get("/products", headers=OTHER).json() == []
    assert client.get(f"/orders/{placed['id']}", headers=OTHER).status_code == 404
    assert client.post(f"/orders/{placed['id']}/cancel", headers=OTHER).status_code == 404
    assert client.get("/orders.csv", headers=OTHER).text == "order,state,total\r\n"
    draft = {"customer_id": placed["customer_id"], "items": {"tea": 1}}
    assert client.post("/orders", json=draft, headers=OTHER).status_code == 404


@pytest.mark.parametrize("name", ["", "nobody"])
def test_shop_that_there_is_not(client: TestClient, name: str) -> None:
    """J02: A provider raises it, an exception handler answers."""
    refused = client.get("/products", headers={"X-Tenant": name})
    assert refused.status_code == 400
    assert refused.json() == {"detail": f"There is no shop called “{name}” here."}


def test_health_is_nobodys(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Tenant": ""}).status_code == 200


def test_one_object_counts_for_whoever_is_asking(client: TestClient) -> None:
    """`Current`: what lives as long as the app sees the tenant of each request, and each job."""
    shops = {"tea-house": 100, "book-shop": 7}
    customers: dict[str, int] = {}
    for shop, price in shops.items():
        client.headers["X-Tenant"] = shop
        add_product(client, price=price)
        customers[shop] = add_customer(client)

    def buy(shop: str) -> int:
        draft = {"customer_id": customers[shop], "items": {"tea": 1}}
        placed = client.post("/orders", json=draft, headers={"X-Tenant": shop})
        status: int = placed.status_code
        return status

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(buy, [*shops] * 5)) == {201}
    for shop, price in shops.items():
        counted = client.get("/statistics", headers={"X-Tenant": shop}).json()
        assert counted == {"cents": 5 * price}
