"""Event loops that uvicorn runs on, and the two ways in which it is run."""

import asyncio
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from lifescope import _uvicorn
from server.apps import Recorder

pytest.importorskip("uvicorn")


def _loops() -> Iterator[Any]:
    yield pytest.param(("asyncio", {}), id="asyncio")
    if importlib.util.find_spec("uvloop") is not None:
        yield pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")
    if hasattr(asyncio, "eager_task_factory"):
        yield pytest.param(("asyncio", {"loop_factory": _eager_loop}), id="eager")


def _eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    return loop


@pytest.fixture(params=list(_loops()))
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """asyncio in its kinds; uvicorn knows no other."""
    return request.param


@pytest.fixture(params=["direct", "polling"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """uvicorn by its parts, and by the fall-back without them."""
    if request.param == "polling":
        monkeypatch.setattr(_uvicorn.Direct, "fits", lambda self: False)
    return str(request.param)


@pytest.fixture
def app() -> Recorder:
    """An app that does what the path says, and notes what happens."""
    return Recorder()
