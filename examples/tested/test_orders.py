"""What the page "Test an application" shows."""

# --8<-- [start:running]
from collections.abc import AsyncIterator

import pytest
from fastapi.testclient import TestClient
from httpx import ASGITransport, AsyncClient

from lifescope import MissingMemberError, OpenScopesError, UnusedOverrideWarning
from lifescope.testing import assert_no_open_scopes, events, partial, running
from tested.orders import Mailer, Orders, Store, Transaction
from tested.web import app, container

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http() -> AsyncIterator[AsyncClient]:
    async with running(app) as served:
        transport = ASGITransport(app=served)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


# --8<-- [end:running]


# --8<-- [start:override]
async def test_an_order_is_confirmed(http: AsyncClient) -> None:
    sent: list[tuple[str, str]] = []

    def send(to: str, text: str) -> None:
        sent.append((to, text))

    async with container.override(Mailer, partial(Mailer, send=send)):
        response = await http.post("/orders/tea", params={"customer": "ada@example.com"})
    assert response.json() == 1
    assert sent == [("ada@example.com", "Order 1: tea")]


# --8<-- [end:override]


# --8<-- [start:events]
async def test_an_order_that_cannot_be_confirmed_is_rolled_back(http: AsyncClient) -> None:
    with events(container) as log:
        with pytest.raises(ConnectionError):
            await http.post("/orders/tea", params={"customer": "ada@example.com"})
    assert log.of(Transaction, Orders) == [
        "request: Transaction acquired",
        "request: Orders acquired",
        "request: Transaction released",
    ]
    assert type(log[-1].told) is ConnectionError


# --8<-- [end:events]


# --8<-- [start:partial]
async def test_what_a_fake_was_not_given_it_does_not_have() -> None:
    mailer = partial(Mailer, sender="test@example.com")
    assert mailer.sender == "test@example.com"
    with pytest.raises(MissingMemberError, match=r"Mailer\.close is not part of this fake"):
        await mailer.close()


# --8<-- [end:partial]


# --8<-- [start:test_client]
def test_with_the_test_client() -> None:
    with TestClient(app) as client, container.override(Mailer, partial(Mailer, send=print)):
        assert client.post("/orders/tea", params={"customer": "ada@example.com"}).json() == 1


# --8<-- [end:test_client]


# --8<-- [start:left_open]
async def test_nothing_is_left_open() -> None:
    async with container.open() as app_scope:
        assert type(await app_scope.get(Store)) is Store
        with pytest.raises(OpenScopesError, match="a scope is still open"):
            assert_no_open_scopes(container)
    assert_no_open_scopes(container)


# --8<-- [end:left_open]


async def test_an_override_that_nobody_asks_for() -> None:
    other = type(container)(container)
    other_store = Store()
    with other.override(Store, other_store):  # `transaction` needs it
        pass
    with pytest.warns(UnusedOverrideWarning), other.override(Orders, None):
        pass
