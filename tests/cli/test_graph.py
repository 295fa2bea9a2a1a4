"""`lifescope graph`: the drawings of `lifescope.render`, with the entry points (K07, K08)."""

import json
import sys
from pathlib import Path

import pytest

from cli.conftest import Run, Write
from cli.test_check import BROKEN_ROUTES, FINE
from lifescope import cli, render


def test_tree_is_the_default(run: Run, program: Write) -> None:
    """What an endpoint needs stands below it."""
    done = run("graph", f"{program(FINE)}:app")
    assert done.code == 0
    first, second, third = done.out.splitlines()
    assert first.split()[:3] == ["show()", "entry", "point"]
    assert second.startswith("└─ b: B")
    assert third.startswith("   └─ a: A")


@pytest.mark.parametrize("format", render.FORMATS)
def test_every_format(run: Run, program: Write, tmp_path: Path, format: str) -> None:
    """It is what `lifescope.render` gives, on stdout and in a file, and always the same."""
    name = program(FINE)
    assert run("check", f"{name}:app").code == 0
    module = sys.modules[name]
    expected = render.draw(module.container.graph, format, entries=module.app.entries())
    assert "show" in expected
    assert run("graph", f"{name}:app", "--format", format) == (0, expected, "")
    assert run("graph", f"{name}:app", "--format", format, "-o", "drawn") == (0, "", "")
    assert (tmp_path / "drawn").read_bytes() == expected.encode()


def test_container(run: Run, program: Write) -> None:
    """There are no entry points in it."""
    done = run("graph", f"{program(FINE)}:container", "--format", "json")
    assert json.loads(done.out)["entry_points"] == []


def test_failed_graph(run: Run, program: Write) -> None:
    """K08: It is drawn; the report is on stderr, and the exit code says that it has failed."""
    done = run("graph", f"{program('app = Container(make_b)')}:app", "--format", "json")
    assert done.code == cli.PROBLEMS
    assert [missing["key"] for missing in json.loads(done.out)["missing"]] == ["A"]
    assert "[LS101]" in done.err


def test_failed_routes(run: Run, program: Write) -> None:
    """K08: The endpoints that cannot be filled are causes, and what is fine is left out."""
    done = run("graph", f"{program(BROKEN_ROUTES)}:app", "--format", "json")
    assert done.code == cli.PROBLEMS
    assert "[LS100] 2 problems" in done.err
    drawn = json.loads(done.out)
    assert [(e["name"], e["state"]) for e in drawn["entry_points"]] == [("missing()", "affected")]
    assert [(e["name"], e["problems"]) for e in drawn["unreadable"]] == [
        ("forgotten()", ["NeverFilledError"])
    ]
    assert [e["key"] for e in drawn["missing"]] == ["C"]


def test_endpoint_that_asks_for_too_narrow_a_scope(run: Run, program: Write) -> None:
    """The endpoint is the cause; no second node stands for it."""
    name = program("""
    @provider(scope="step")
    def step() -> C: ...

    @inject
    async def narrow(request: Request, c: Inject[C]) -> Response: ...

    container = Container(step, scopes=("app", "request", "step"))
    app = container.asgi(Starlette(routes=[Route("/", narrow)]))
    """)
    done = run("graph", f"{name}:app", "--format", "json")
    assert done.code == cli.PROBLEMS
    drawn = json.loads(done.out)
    assert [(e["name"], e["problems"]) for e in drawn["entry_points"]] == [
        ("narrow()", ["ScopeOrderError"])
    ]
    assert drawn["unreadable"] == []


def test_file_that_cannot_be_written(run: Run, program: Write) -> None:
    """One line says why."""
    done = run("graph", f"{program(FINE)}:app", "-o", "no/such/folder")
    assert done.code == cli.WRONG_USE
    assert done.err.startswith('lifescope: cannot write "no/such/folder": ')


def test_unknown_format(run: Run, program: Write) -> None:
    """argparse says which there are."""
    done = run("graph", f"{program(FINE)}:app", "--format", "svg")
    assert done.code == cli.WRONG_USE
    assert "mermaid" in done.err
