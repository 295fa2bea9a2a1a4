"""How the shop stops: under a real server, with a job that has not been done yet."""

from contextlib import suppress
from typing import Any

import anyio
import httpx2
import pytest

from lifescope.server import serve
from shop.app import app, container
from shop.payments import Gateway
from shop.settings import Settings
from shop.tests.conftest import TENANT, letters

pytestmark = pytest.mark.anyio

LIMIT = 30


class SlowGateway:
    """Takes the money when it is told to."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.go_on = anyio.Event()

    async def charge(self, reference: str, card: str, cents: int) -> str:
        self.asked.set()
        await self.go_on.wait()
        return "P1"

    async def refund(self, payment: str) -> None: ...


async def test_stop_waits_for_what_was_promised(
    overrides: dict[Any, Any], settings: Settings
) -> None:
    """G9: The job of a request belongs to it; database and mailbox are there until it is done."""
    gateway = SlowGateway()
    overrides[Gateway] = gateway
    with anyio.fail_after(LIMIT), container.override(overrides):
        server = serve(app)
        await server.start_serving()
        async with httpx2.AsyncClient(
            base_url=server.url, headers={"X-Tenant": TENANT}, trust_env=False
        ) as client:
            product = {"sku": "tea", "name": "Tea", "price": 300, "stock": 20}
            assert (await client.post("/products", json=product)).status_code == 201
            customer = {"name": "Ada", "email": "ada@example.org", "card": "visa"}
            assert (await client.post("/customers", json=customer)).status_code == 201
            draft = {"customer_id": 1, "items": {"tea": 2}}
            assert (await client.post("/orders", json=draft)).status_code == 201
            await gateway.asked.wait()
            server.close()
            with suppress(httpx2.TransportError):
                while True:  # until nothing new is accepted
                    await client.get("/products")
            gateway.go_on.set()
            await server.wait_closed()
    assert letters(settings) == [("ada@example.org", "Your order 1 at the tea-house")]
