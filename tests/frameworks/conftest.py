from typing import Any

import pytest

from integrations.conftest import serve

__all__ = ["serve"]


@pytest.fixture(params=[pytest.param(("asyncio", {}), id="asyncio")])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """One event loop; files about what depends on it have a fixture with `forms.LOOPS`."""
    return request.param
