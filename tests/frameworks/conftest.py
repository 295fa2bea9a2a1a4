import importlib.util
from typing import Any

import pytest
from fastapi import FastAPI

from integrations.conftest import serve

__all__ = ["serve"]

collect_ignore = list[str]()
if not importlib.util.find_spec("fastapi.sse"):  # and with it, endpoints that are generators
    collect_ignore.append("test_generator_endpoints.py")
if not hasattr(FastAPI, "frontend"):
    collect_ignore.append("test_frontend.py")


@pytest.fixture(params=[pytest.param(("asyncio", {}), id="asyncio")])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """One event loop; files about what depends on it have a fixture with `forms.LOOPS`."""
    return request.param
