from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient

from integrations.driving import Serve


@pytest.fixture
def serve(anyio_backend_name: str, anyio_backend_options: dict[str, Any]) -> Iterator[Serve]:
    """Gives a client for an app of which the lifespan runs, on every event loop.

    With `raises=False` an exception of the app becomes a response 500, as from a server.
    """
    with ExitStack() as stack:

        def serve(app: Any, *, raises: bool = True) -> TestClient:
            client = TestClient(
                app,
                backend=anyio_backend_name,  # type: ignore[arg-type]
                backend_options=anyio_backend_options,
                raise_server_exceptions=raises,
            )
            return stack.enter_context(client)

        yield serve
