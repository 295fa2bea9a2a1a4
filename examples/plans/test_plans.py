"""K10: the plan in the documentation is what the command says about the graph that it shows."""

import contextlib
import io
import os
import re
import sys
import traceback
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lifescope import Container, cli, provider
from plans.orders import Database, Session, app, session

HERE = Path(__file__).parent

QUICKLY = "scope._task is not task_of(running_loop()) and "
"""A first look at the running task, which not every interpreter has."""


def check(name: str, text: str) -> None:
    """Compare *text* with the file *name*; or write it, if the environment says so."""
    path = HERE / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "REWRITE_GOLDEN=1, if it is right"


def said_by(*arguments: str) -> str:
    """What the command line prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert not ended.value.code
    return out.getvalue()


def test_plan_in_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists, and the generated source, word for word; REWRITE_GOLDEN=1 writes them anew."""
    monkeypatch.chdir(HERE.parents[1])
    monkeypatch.setattr(sys, "path", [*sys.path])
    said = said_by("plan", "plans.orders:app", "GET /orders", "--source", "--app-dir", "examples")
    said = said.replace(QUICKLY, "")
    lists, start, source = said.partition("async def ")
    check("plan.txt", lists.rstrip() + "\n")
    check("source.txt", start + source)


def test_the_plan_is_what_runs() -> None:
    """The app of the page answers."""
    with TestClient(app) as client:
        assert client.get("/orders").json() == []


@pytest.mark.anyio
async def test_the_source_is_in_tracebacks() -> None:
    """Where a provider fails, the traceback has the generated line that called it."""

    async def broken() -> Database:
        raise OSError("no database")

    container = Container(provider(broken, scope="request"), session)
    async with container.open() as opened, opened.open() as scope:
        with pytest.raises(OSError, match="no database") as caught:
            await scope.get(Session)
    frames = traceback.extract_tb(caught.value.__traceback__)
    (generated,) = [frame for frame in frames if frame.filename.startswith("<lifescope")]
    assert generated.line is not None
    assert "broken()" in generated.line


def test_page_explains_what_is_there() -> None:
    """Each name that the page explains is in the code that it shows."""
    page = (HERE.parents[1] / "docs" / "explanation" / "plans.md").read_text(encoding="utf-8")
    source = (HERE / "source.txt").read_text(encoding="utf-8")
    explained = re.findall(r"^- \*\*`([^`]+)`\*\*", page, re.MULTILINE)
    assert len(explained) > 5
    assert [name for name in explained if name not in source] == []
