"""The pytest fixture that people write: it starts and stops a server, and cannot hang."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lifescope.server import Server, serve
from server.apps import STARTED, Recorder, get

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(app: Recorder) -> AsyncIterator[Server]:
    async with serve(app.root) as server:
        yield server


@pytest.mark.parametrize("count", range(3))
async def test_uses_the_fixture(server: Server, app: Recorder, count: int) -> None:
    """It has started, and is a new one each time."""
    assert app.events == STARTED
    assert await get(server) == "hello"


FAILING = """
import asyncio
import pytest
from lifescope import Container
from lifescope.server import serve

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def create_app():
    raise ConnectionError("the database does not answer")

@pytest.fixture
async def server():
    async with serve(Container().asgi(create_app)) as server:
        yield server

async def test_never_runs(server):
    raise AssertionError("it has run")

async def test_without_the_server():
    pass
"""


def test_failed_start_is_an_error_of_the_fixture(tmp_path: Path) -> None:
    """It does not hang; the report shows the app's own error, and other tests go on."""
    (tmp_path / "test_failing.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert "1 passed, 1 error" in ended.stdout
    assert "ConnectionError: the database does not answer" in ended.stdout
    assert "it has run" not in ended.stdout
