import importlib.util
from typing import Any

import pytest

from integrations.conftest import serve

__all__ = ["serve"]

# An endpoint of FastAPI may be a generator since 0.134, and send events since 0.135.
collect_ignore = [] if importlib.util.find_spec("fastapi.sse") else ["test_generator_endpoints.py"]


@pytest.fixture(params=[pytest.param(("asyncio", {}), id="asyncio")])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """One event loop; files about what depends on it have a fixture with `forms.LOOPS`."""
    return request.param
