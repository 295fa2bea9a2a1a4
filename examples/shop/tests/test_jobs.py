"""What becomes of jobs: sent after the commit, done in scopes of their own, tried again."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from shop.fake_payments import FakePayments
from shop.jobs import Job, Queue
from shop.payments import Gateway, UnavailableError
from shop.settings import Settings
from shop.tests.conftest import add_customer, add_product, letters, order, state, stock


class Witness:
    """Stands for the queue, and notes what is committed when a job is sent."""

    def __init__(self, database_url: str) -> None:
        self._path = database_url.removeprefix("sqlite+aiosqlite:///")
        self.seen: list[tuple[str, Job, list[int]]] = []

    async def send(self, tenant: str, job: Job) -> None:
        with closing(sqlite3.connect(self._path)) as connection:
            orders = [number for (number,) in connection.execute("SELECT id FROM orders")]
        self.seen.append((tenant, job, orders))

    async def ping(self) -> None: ...


class TestWhenItIsSent:
    @pytest.fixture
    def witness(self, database_url: str) -> Witness:
        return Witness(database_url)

    @pytest.fixture
    def overrides(self, overrides: dict[Any, Any], witness: Witness) -> dict[Any, Any]:
        return {**overrides, Queue: witness}

    def test_after_the_commit(self, client: TestClient, witness: Witness) -> None:
        """G11: Who does the job finds what it is about."""
        add_product(client, price=300)
        order(client, add_customer(client), tea=2)
        assert witness.seen == [("tea-house", Job("charge", (1, "visa", 600)), [1])]

    def test_not_if_the_endpoint_fails(self, client: TestClient, witness: Witness) -> None:
        """G4: What is request-scoped sees what leaves the endpoint, though it is answered."""
        add_product(client, stock=1)
        draft = {"customer_id": add_customer(client), "items": {"tea": 2}}
        assert client.post("/orders", json=draft).status_code == 409
        assert witness.seen == []

    def test_not_if_the_commit_fails(self, client: TestClient, witness: Witness) -> None:
        """G4, G11: It is a 500, and nobody is charged for what there is not."""

        def fail(_: Session) -> None:
            raise ConnectionError("the database is gone")

        add_product(client)
        draft = {"customer_id": add_customer(client), "items": {"tea": 2}}
        event.listen(Session, "before_commit", fail)
        try:
            assert client.post("/orders", json=draft).status_code == 500
        finally:
            event.remove(Session, "before_commit", fail)
        assert witness.seen == []
        assert stock(client) == 20


def test_service_that_fails_once(
    client: TestClient, payments: FakePayments, caplog: pytest.LogCaptureFixture
) -> None:
    """B16: The decorator that asks again is around the one that asks; the job need not be."""
    add_product(client)
    assert state(client, order(client, add_customer(client, "flaky"), tea=1)["id"]) == "paid"
    assert len(payments.charges) == 1
    assert client.get("/statistics").json() == {"cents": 300}  # counted once
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["The payment service answers 503. Once more."]


class Down:
    """A service that never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def charge(self, reference: str, card: str, cents: int) -> str:
        self.asked += 1
        raise UnavailableError("nobody is there")

    async def refund(self, payment: str) -> None:
        raise UnavailableError("nobody is there")


class TestServiceThatIsDown:
    @pytest.fixture
    def gateway(self) -> Down:
        return Down()

    @pytest.fixture
    def overrides(self, overrides: dict[Any, Any], gateway: Down) -> dict[Any, Any]:
        return {**overrides, Gateway: gateway}

    def test_job_is_tried_again_and_the_order_stays(
        self, client: TestClient, gateway: Down, settings: Settings
    ) -> None:
        """G4: Each attempt has a scope, and so a transaction, of its own."""
        add_product(client)
        number = order(client, add_customer(client), tea=1)["id"]
        assert gateway.asked == 3
        assert state(client, number) == "placed"
        assert stock(client) == 19
        assert letters(settings) == []
