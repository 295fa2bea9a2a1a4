"""The shop as it runs in production: a web process, a worker, Redis, a payment service."""

import sys
from pathlib import Path

import httpx
import pytest

from jobs.tests.processes import LIMIT, Program, running
from shop.settings import Settings
from shop.tests.conftest import TENANT, letters


def url_of(program: Program) -> str:
    """Where *program* serves, as soon as it does."""
    assert program.until(r"(serving|running) on http://"), program.text
    return "http://" + program.lines[-1].split("http://")[1].split()[0]


@pytest.fixture
def env(settings: Settings, redis_url: str) -> dict[str, str]:
    return {
        "SHOP_DATABASE_URL": settings.database_url,
        "SHOP_REDIS_URL": redis_url,
        "SHOP_MAILBOX": str(settings.mailbox),
    }


def test_order_through_all_processes(
    env: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    """G9, G11: The job finds the order, works in scopes of its own, and everybody stops well."""
    python = (sys.executable, "-m")
    with running(*python, "uvicorn", "shop.fake_payments:app", "--port=0") as service:
        env = {**env, "SHOP_PAYMENTS_URL": url_of(service)}
        with (
            running(*python, "lifescope", "run", "shop.app:app", "--port=0", env=env) as web,
            running(
                *python, "taskiq", "worker", "shop.worker:broker", "--workers=1", env=env
            ) as work,
            httpx.Client(
                base_url=url_of(web), headers={"X-Tenant": TENANT}, trust_env=False, timeout=LIMIT
            ) as client,
        ):
            assert set(client.get("/healthz").json().values()) == {"ok"}
            product = {"sku": "tea", "name": "Tea", "price": 300, "stock": 20}
            assert client.post("/products", json=product).status_code == 201
            customer = {"name": "Ada", "email": "ada@example.org", "card": "flaky"}
            assert client.post("/customers", json=customer).status_code == 201
            draft = {"customer_id": 1, "items": {"tea": 2}}
            assert client.post("/orders", json=draft).json()["state"] == "placed"
            assert work.until("Executing task confirm"), work.text
            assert client.get("/orders/1").json()["state"] == "paid"
            for program in (work, web):
                program.send_signal()
            for program in (work, web):
                assert program.ended() == 0  # the worker waits for its job
                assert "Traceback" not in program.text
    assert letters(settings) == [("ada@example.org", "Your order 1 at the tea-house")]
