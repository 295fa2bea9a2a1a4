"""Servers for tests; each is gone afterwards, with its workers."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from servers.harness import AS_IT_IS, Kind, Scenario, Server, running, started, starter

if sys.platform == "win32":  # no SIGTERM, no process groups
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def shared_starter() -> Iterator[None]:
    """Ends what starts the servers, when there are no more to start."""
    yield
    if starter.cache_info().currsize:
        starter().end()
        starter.cache_clear()


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server for the tests of a module that only ask, one for each kind of them."""
    scenario = getattr(request.module, "SCENARIO", AS_IT_IS)
    with running(request.param, tmp_path_factory.mktemp("server"), scenario) as server:
        yield server


@pytest.fixture
def name() -> str:
    """A name for a request, unlike that of any other."""
    return f"request-{uuid.uuid4().hex[:8]}"


class Start(Protocol):
    """Starts a server, and waits until it accepts connections unless `ready` is false."""

    def __call__(
        self, kind: Kind, scenario: Scenario = AS_IT_IS, *, ready: bool = True
    ) -> Server: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server for one test."""
    with ExitStack() as stack:

        def start(kind: Kind, scenario: Scenario = AS_IT_IS, *, ready: bool = True) -> Server:
            server = stack.enter_context(started(kind, tmp_path, scenario))
            if ready:
                server.wait_until_ready()
            return server

        yield start
