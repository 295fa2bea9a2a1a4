"""What the shop promises to those who use it, on whatever database."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from starlette.testclient import TestClient

from notes.tests.postgresql import Server, UnavailableError, running_server
from shop.fake_payments import FakePayments
from shop.settings import Settings
from shop.tests.conftest import add_customer, add_product, letters, order, state, stock

numbers = count(1)


class ShopContract:
    """Each test has an empty database."""

    def test_order_from_the_shelf_to_the_letter(
        self, client: TestClient, payments: FakePayments, settings: Settings
    ) -> None:
        add_product(client, price=300, stock=20)
        placed = order(client, add_customer(client), tea=2)
        assert placed["state"] == "placed"
        assert placed["total"] == 600
        assert placed["lines"] == [{"sku": "tea", "quantity": 2}]
        assert client.get(f"/orders/{placed['id']}").json() == {**placed, "state": "paid"}
        assert stock(client) == 18
        assert [(c["card"], c["cents"]) for c in payments.charges.values()] == [("visa", 600)]
        subject = f"Your order {placed['id']} at the tea-house"
        assert letters(settings) == [("visa@example.org", subject)]

    def test_what_fails_in_the_middle_leaves_nothing(
        self, client: TestClient, payments: FakePayments, settings: Settings
    ) -> None:
        """G4, G11: The first product is back on the shelf, and no job was sent."""
        add_product(client, "cups", stock=20)
        add_product(client, "tea", stock=1)
        draft = {"customer_id": add_customer(client), "items": {"cups": 3, "tea": 2}}
        refused = client.post("/orders", json=draft)
        assert refused.status_code == 409
        assert refused.json() == {"detail": "There are not 2 of Tea."}
        assert stock(client, "cups") == 20
        assert client.get("/orders/1").status_code == 404
        assert payments.charges == {}

    def test_card_that_is_declined(
        self, client: TestClient, payments: FakePayments, settings: Settings
    ) -> None:
        add_product(client)
        placed = order(client, add_customer(client, "declined"), tea=2)
        assert state(client, placed["id"]) == "refused"
        assert stock(client) == 20
        assert payments.charges == {}
        [(to, subject)] = letters(settings)
        assert to == "declined@example.org"
        assert subject.endswith("could not be paid for")

    def test_order_that_is_cancelled(self, client: TestClient, payments: FakePayments) -> None:
        add_product(client)
        number = order(client, add_customer(client), tea=2)["id"]
        assert client.post(f"/orders/{number}/cancel").json()["state"] == "cancelled"
        assert stock(client) == 20
        assert payments.refunds == [charge["payment"] for charge in payments.charges.values()]
        again = client.post(f"/orders/{number}/cancel")
        assert again.status_code == 409
        assert again.json() == {"detail": "This order is cancelled."}
        assert len(payments.refunds) == 1

    def test_last_piece_is_sold_once_however_many_ask(self, client: TestClient) -> None:
        add_product(client, stock=3)
        draft = {"customer_id": add_customer(client), "items": {"tea": 1}}

        def ask(_: int) -> int:
            status: int = client.post("/orders", json=draft).status_code
            return status

        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(ask, range(8))) == [201] * 3 + [409] * 5
        assert stock(client) == 0

    def test_address_is_taken_once(self, client: TestClient) -> None:
        add_customer(client)
        draft = {"name": "Grace", "email": "visa@example.org", "card": "visa"}
        assert client.post("/customers", json=draft).status_code == 409
        assert client.get("/customers/1").json()["name"] == "Ada"

    def test_export_while_others_write(self, client: TestClient) -> None:
        """J01: The session lives until the body is sent; it reads where reading is enough."""
        add_product(client, price=100)
        customer = add_customer(client)
        for quantity in (1, 2, 10):
            order(client, customer, tea=quantity)
        with client.stream("GET", "/orders.csv") as response:
            lines = response.iter_lines()
            assert next(lines) == "order,state,total"
            add_product(client, "cups")
            assert list(lines) == ["1,paid,100", "2,paid,200", "3,paid,900"]

    def test_health(self, client: TestClient) -> None:
        report = client.get("/healthz")
        assert report.status_code == 200
        assert list(report.json().items()) == [
            ("database", "ok"),
            ("replica", "ok"),
            ("payments", "ok"),
            ("queue", "ok"),
        ]


class TestOnSqlite(ShopContract):
    """On the database that everybody has."""


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    try:
        with running_server() as server:
            yield server
    except UnavailableError as error:
        pytest.skip(f"PostgreSQL: {error}")


class TestOnPostgreSQL(ShopContract):
    """All that is promised on SQLite; each test has a database of its own on the one server."""

    @pytest.fixture
    def database_url(self, server: Server) -> str:
        return server.create_database(f"shop_{next(numbers)}")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/products", {"sku": "T", "name": "Tea", "price": 1}),
        ("/products", {"sku": "tea", "name": " ", "price": 1}),
        ("/customers", {"name": "Ada", "email": "nowhere", "card": "visa"}),
        ("/orders", {"customer_id": 1, "items": {}}),
        ("/orders", {"customer_id": 1, "items": {"tea": 0}}),
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, path: str, body: object) -> None:
    assert client.post(path, json=body).status_code == 422


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/products/tea").json() == {"detail": "There is no such product."}
    assert client.get("/customers/1").status_code == 404
    assert client.post("/orders/1/cancel").status_code == 404
    draft = {"customer_id": 7, "items": {"tea": 1}}
    assert client.post("/orders", json=draft).json() == {"detail": "There is no such customer."}
