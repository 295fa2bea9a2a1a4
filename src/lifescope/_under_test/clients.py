"""Clients for a running app; imported when a test first asks for one."""

import importlib
from typing import Any

import pytest
from starlette.testclient import TestClient

from lifescope._under_test.drivers import OnPortal
from lifescope._under_test.runs import Run

__all__ = ["async_client", "client"]

BASE_URL = "http://testserver"


def client(run: Run) -> TestClient:
    """Starlette's client, in the event loop in which the app runs."""
    assert isinstance(run.driver, OnPortal)
    client = TestClient(_app(run), base_url=BASE_URL)
    client.portal = run.driver.portal
    return client


def async_client(run: Run) -> Any:
    """The async client of httpx, or of its successor, where that is what is installed."""
    httpx = _httpx()
    transport = httpx.ASGITransport(app=_app(run))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


def _httpx() -> Any:
    try:
        return importlib.import_module("httpx")
    except ModuleNotFoundError:
        return importlib.import_module("httpx2")


def _app(run: Run) -> Any:
    if run.app is None:
        pytest.fail(
            "lifescope_app is a Container, which serves no requests: a client needs what "
            "container.asgi(...) returns",
            pytrace=False,
        )
    return run.app
