"""C15: looking at a program calls no provider, and runs no lifespan."""

import sys

import pytest

from cli.conftest import Run, Write
from cli.test_plan import APP
from lifescope import render

COMMANDS = [
    ["check", "APP"],
    ["check", "APP", "--json", "--strict"],
    *(["graph", "APP", "--format", each] for each in render.FORMATS),
    *(["explain", "APP", each] for each in "ABCDE"),
    *(["plan", "APP", each, "--source"] for each in ("start", "factory", "item", "/live", "put")),
]


LIFESPAN = """
from contextlib import asynccontextmanager

@asynccontextmanager
async def lifespan(app):
    calls.append("lifespan")
    yield
"""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_provider_is_called(run: Run, program: Write, arguments: list[str]) -> None:
    """Each would have noted that it was called; so would a lifespan."""
    text = APP.replace("app = FastAPI()", "app = FastAPI(lifespan=lifespan)")
    name = program(LIFESPAN + text)
    done = run(*(f"{name}:app" if each == "APP" else each for each in arguments))
    assert done.code == 0
    assert sys.modules[name].calls == []
