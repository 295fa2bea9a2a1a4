"""Command lines that run in this process, and programs for them to look at."""

import importlib
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lifescope import cli


class Outcome(NamedTuple):
    """The exit code, and what was written."""

    code: object
    out: str
    err: str


Run = Callable[..., Outcome]
Write = Callable[[str], str]

HEADER = """
from collections.abc import AsyncIterator
from typing import Annotated, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from lifescope import *


class A: pass
class B: pass
class C: pass


calls = []


@provider(scope="app")
def make_a() -> A:
    calls.append("A")
    return A()


@provider(scope="request")
async def make_b(a: A) -> AsyncIterator[B]:
    calls.append("B")
    yield B()


@inject
async def show(request: Request, b: Inject[B]) -> Response:
    return Response()
"""

_numbers = itertools.count(1)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "path", list(sys.path))
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        return Outcome(caught.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module behind the common header; its name, with which it can be imported."""
    monkeypatch.chdir(tmp_path)
    written: list[str] = []

    def write(text: str) -> str:
        name = f"program_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(HEADER + textwrap.dedent(text))
        importlib.invalidate_caches()  # a folder may change twice within one tick of its clock
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the tests says."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
