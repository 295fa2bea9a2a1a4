"""What the page "Test with pytest" shows."""

import httpx
import pytest
from starlette.testclient import TestClient

from lifescope import current_scope
from lifescope.pytest_plugin import LifescopeOverride, ScopeInTest
from with_pytest.conftest import Outbox
from with_pytest.orders import Mailer, OrderService, Store, app, container


# --8<-- [start:sync]
def test_an_order(lifescope_client: TestClient, outbox: Outbox) -> None:
    assert lifescope_client.post("/orders/tea").status_code == 201
    assert lifescope_client.get("/orders").json() == ["tea"]
    assert outbox.sent == ["ordered: tea"]


# --8<-- [end:sync]


# --8<-- [start:async]
@pytest.mark.anyio
async def test_an_order_async(lifescope_async_client: httpx.AsyncClient) -> None:
    assert (await lifescope_async_client.post("/orders/tea")).status_code == 201
    assert (await lifescope_async_client.get("/orders")).json() == ["tea"]


# --8<-- [end:async]


# --8<-- [start:service]
@pytest.mark.anyio
async def test_the_service(order_service: OrderService, store: Store, outbox: Outbox) -> None:
    await order_service.place("tea")
    assert outbox.sent == ["ordered: tea"]
    assert store.orders == []  # the transaction ends with the test


# --8<-- [end:service]


# --8<-- [start:scope]
@pytest.mark.anyio
async def test_the_scope(lifescope_scope: ScopeInTest) -> None:
    service = await lifescope_scope.get(OrderService)
    assert await current_scope().get(OrderService) is service


# --8<-- [end:scope]


# --8<-- [start:override]
class BrokenMailer(Mailer):
    async def send(self, text: str) -> None:
        raise TimeoutError("no answer")


def test_a_mail_that_cannot_be_sent(
    lifescope_client: TestClient, lifescope_override: LifescopeOverride
) -> None:
    lifescope_override(Mailer, BrokenMailer())
    with pytest.raises(TimeoutError):
        lifescope_client.post("/orders/tea")
    assert lifescope_client.get("/orders").json() == []  # it was rolled back


# --8<-- [end:override]


def test_by_hand(outbox: Outbox) -> None:
    """What the fixtures do can be done without them."""
    with container.override(Mailer, outbox), TestClient(app) as client:
        assert client.post("/orders/tea").status_code == 201
