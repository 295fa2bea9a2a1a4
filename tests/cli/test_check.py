"""`lifescope check`: what it finds, what it says, and its exit code (C16, K01)."""

import json
import sys
import textwrap
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.conftest import Run, Write
from lifescope import cli

FORGOTTEN_ON_METHODS = """
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint

class Page(HTTPEndpoint):
    async def get(self, request: Request, a: Inject[A]) -> Response: ...

class Live(WebSocketEndpoint):
    async def on_connect(self, websocket: Any, a: Inject[A]) -> None: ...

def create_app() -> Starlette:
    return Starlette(routes=[Route("/page", Page), WebSocketRoute("/live", Live)])

app = Container(make_a).asgi(create_app)
"""

FINE = """
def create_app() -> Starlette:
    return Starlette(routes=[Route("/", show), Route("/plain", plain)])

async def plain(request: Request) -> Response: ...

container = Container(make_a, make_b)
app = container.asgi(create_app)
"""

BROKEN_ROUTES = """
async def forgotten(request: Request, a: Inject[A]) -> Response: ...

@inject
async def missing(request: Request, c: Inject[C]) -> Response: ...

def create_app() -> Starlette:
    return Starlette(routes=[Route("/f", forgotten), Route("/m", missing), Route("/", show)])

app = Container(make_a, make_b).asgi(create_app)
"""


def test_all_is_fine(run: Run, program: Write) -> None:
    """G14: One line says how much was looked at."""
    assert run("check", f"{program(FINE)}:app") == (0, "ok: 2 providers, 2 routes\n", "")


def test_container(run: Run, program: Write) -> None:
    """A container has no routes, and so nobody knows what is unused."""
    done = run("check", f"{program(FINE)}:container")
    assert done.code == 0
    assert "there is no app" in done.out
    assert done.out.endswith("\nok: 2 providers\n")


def test_attribute_path(run: Run, program: Write) -> None:
    """The app may be an attribute of something in the module."""
    name = program(f"{FINE}\nclass Programs:\n    first = app\n")
    assert run("check", f"{name}:Programs.first").code == 0


def test_methods_that_nobody_fills(run: Run, program: Write) -> None:
    """G14, C16: Starlette's endpoint classes call their methods with a request and no more."""
    done = run("check", f"{program(FORGOTTEN_ON_METHODS)}:app")
    assert done.code == cli.PROBLEMS
    assert '[LS109] nobody fills "a" of Page.get()' in done.out
    assert '[LS109] nobody fills "a" of Live.on_connect()' in done.out
    assert "Fix: put @inject on it" in done.out


def test_no_kind_of_problem_hides_another(run: Run, program: Write) -> None:
    """C03, C16: An endpoint that nobody fills, and one that asks for too much: both are told."""
    done = run("check", f"{program(BROKEN_ROUTES)}:app")
    assert done.code == cli.PROBLEMS
    assert "[LS109] nobody fills" in done.out
    assert "[LS101] nothing provides C" in done.out
    assert "GET /f" in done.out
    assert "GET /m" in done.out
    assert done.out.endswith("\n2 problems, 2 providers, 3 routes\n")
    assert done.err == ""


def test_problem_of_the_factory_is_found_while_it_is_imported(run: Run, program: Write) -> None:
    """C02: What container.asgi() raises is the report, with no traceback of ours."""
    name = program("def create_app(c: C): ...\n\napp = Container(make_a).asgi(create_app)")
    done = run("check", f"{name}:app")
    assert done.code == cli.PROBLEMS
    assert "nothing provides C" in done.out
    assert "create_app(c)" in done.out
    assert "Traceback" not in done.out + done.err
    assert done.out.endswith("\n1 problem\n")


def test_broken_container(run: Run, program: Write) -> None:
    """C03: All problems of the graph, in the layout that the error itself has."""
    name = program("class D: pass\n\n@provider(scope='app')\ndef d(c: C, b: B) -> D: ...\n\n"
                   "app = Container(make_a, make_b, d).asgi(lambda: None)")  # fmt: skip
    done = run("check", f"{name}:app")
    assert done.code == cli.PROBLEMS
    assert "[LS100] 2 problems" in done.out
    assert "[LS101]" in done.out
    assert "[LS104]" in done.out


def test_values_that_are_not_declared(run: Run, program: Write) -> None:
    """What container.asgi() says about its values is a report, too."""
    name = program("app = Container(supplied(C, scope='app')).asgi(lambda: None)")
    done = run("check", f"{name}:app")
    assert done.code == cli.PROBLEMS
    assert "LS205" in done.out


def test_factory_that_gives_no_app(run: Run, program: Write) -> None:
    """It is called, and what it gives is looked at."""
    name = program("def create_app():\n    return 42\n\napp = Container().asgi(create_app)")
    done = run("check", f"{name}:app")
    assert done.code == cli.PROBLEMS
    assert "create_app" in done.out


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("async def create_app(): calls.append(1)", "create_app is async"),
        ("def create_app(a: A): calls.append(1)", "create_app asks for A"),
        ("async def create_app():\n    calls.append(1)\n    yield", "is a generator function"),
        (
            "from contextlib import asynccontextmanager\n\n"
            "@asynccontextmanager\nasync def create_app():\n    calls.append(1)\n    yield",
            "is a generator function",
        ),
        (
            "async def later(): calls.append(1)\n\ncreate_app = lambda: later()",
            "is async",
        ),
    ],
)
def test_factory_that_is_not_called(run: Run, program: Write, factory: str, reason: str) -> None:
    """C15: The note says why the routes were not checked, and that they will be."""
    name = program(f"{factory}\n\napp = Container(make_a).asgi(create_app)\nassert not calls")
    done = run("check", f"{name}:app")
    assert done.code == 0
    flat = " ".join(done.out.split())
    assert "note: the routes were not checked, as" in flat
    assert reason in flat
    assert "when the app starts" in flat
    assert sys.modules[name].calls == []


def test_factory_with_defaults_is_called(run: Run, program: Write) -> None:
    """What nothing provides keeps its default, as at the start."""
    text = FINE.replace("create_app()", "create_app(debug: bool = False, c: C | None = None)")
    assert run("check", f"{program(text)}:app").out == "ok: 2 providers, 2 routes\n"


def test_app_that_nobody_can_read(run: Run, program: Write) -> None:
    """A note, not a problem: an ASGI app of one's own may ask for anything."""
    name = program("""
    async def own(scope, receive, send): ...

    app = Container(make_a, make_b).asgi(
        Starlette(routes=[Route("/", show), Mount("/own", own)])
    )
    """)
    done = run("check", f"{name}:app", "--strict")
    assert done.code == 0
    assert "note: own() at /own cannot be read" in done.out
    assert done.out.endswith("ok: 2 providers, 1 route\n")


def test_module_with_an_error_of_its_own(run: Run, program: Write) -> None:
    """Its traceback begins in the module: none of our frames, none of Python's."""
    done = run("check", f"{program('1 / 0')}:app")
    assert done.code == cli.NOT_STARTED
    assert "ZeroDivisionError" in done.err
    assert done.err.count('  File "') == 1
    assert done.out == ""


def test_factory_with_an_error_of_its_own(run: Run, program: Write) -> None:
    """It comes out as itself."""
    name = program("def create_app():\n    return {}['KEY']\n\napp = Container().asgi(create_app)")
    done = run("check", f"{name}:app")
    assert done.code == cli.NOT_STARTED
    assert "KeyError: 'KEY'" in done.err
    assert done.err.count('  File "') == 1


LEAVING = {
    "the module": "import sys; sys.exit(0)",
    "the app factory": (
        "import sys\n\ndef create_app():\n    sys.exit('no settings')\n\n"
        "app = Container().asgi(create_app)"
    ),
}


@pytest.mark.parametrize("who", LEAVING)
def test_exit_code_of_the_program_is_not_the_checks(run: Run, program: Write, who: str) -> None:
    """What ends the program before it can be checked has not passed: 3, and the line."""
    done = run("check", f"{program(LEAVING[who])}:app")
    assert done.code == cli.NOT_STARTED
    assert "sys.exit(" in done.err
    assert "cannot be imported, or its app cannot be made" in done.err


@pytest.mark.parametrize("command", [["check", "--json"], ["graph", "--format", "json"]])
def test_what_the_program_prints_is_not_in_the_output(
    run: Run, program: Write, command: list[str]
) -> None:
    """Data can be read from stdout, whatever the module and the app factory print."""
    text = FINE.replace("def create_app()", "print('at import')\n\ndef create_app()")
    text = text.replace("    return Starlette(", "    print('at the call'); return Starlette(")
    done = run(*command, f"{program(text)}:app")
    assert done.code == 0
    assert json.loads(done.out)["version"] == 1
    assert done.err == "at import\nat the call\n"


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("./shop.py:app", "write dots instead of slashes"),
        (".shop:app", 'no module ".shop"'),
        ("{}:nosuch", 'has no "nosuch"'),
        ("{}:calls", "an object of type list: name what container.asgi() returned"),
        ("{}", "not of the form module:app"),
        ("nosuch:app", 'no module "nosuch"'),
    ],
)
def test_wrong_name(run: Run, program: Write, named: str, text: str) -> None:
    """One line, and the exit code of a wrong command line."""
    done = run("check", named.format(program(FINE)))
    assert done.code == cli.WRONG_USE
    [line] = done.err.splitlines()
    assert text in line


def test_app_dir(run: Run, program: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--app-dir` says where the module is, as for `run`."""
    name = program(FINE)
    monkeypatch.chdir(tmp_path.parent)
    assert run("check", f"{name}:app").code == cli.WRONG_USE
    assert run("check", f"{name}:app", "--app-dir", str(tmp_path)).code == 0


# --- for programs ---------------------------------------------------------------------------


def test_json(run: Run, program: Write) -> None:
    """Everything that the text says, as data."""
    done = run("check", "--json", f"{program(BROKEN_ROUTES)}:app")
    data = json.loads(done.out)
    assert done.code == cli.PROBLEMS
    assert data["version"] == 1
    assert data["ok"] is False
    assert [problem["code"] for problem in data["problems"]] == ["LS109", "LS101"]
    assert data["warnings"] == []
    assert [(each["route"], each["name"], each["needs"]) for each in data["entry_points"]] == [
        (None, "create_app()", []),
        ("GET /m", "missing()", ["C"]),
        ("GET /", "show()", ["B"]),
    ]
    assert data["notes"] == []


def test_json_of_a_broken_container(run: Run, program: Write) -> None:
    """It has the same items."""
    done = run("check", "--json", f"{program('app = Container(make_b)')}:app")
    data = json.loads(done.out)
    assert set(data) == {"version", "ok", "problems", "warnings", "entry_points", "notes"}
    assert [problem["error"] for problem in data["problems"]] == ["MissingProviderError"]


# --- frameworks -----------------------------------------------------------------------------


FRAMEWORKS = {
    "FastAPI": """
    from fastapi import FastAPI
    from lifescope.integrations.fastapi import Inject as Injected

    def create_app():
        app = FastAPI()

        @app.get("/items")
        async def items(a: Injected[A]) -> None: ...

        return app
    """,
    "Litestar": """
    from litestar import Litestar, get
    from lifescope.integrations import litestar

    @get("/items")
    async def items(a: litestar.Inject[A]) -> None: ...

    def create_app():
        return Litestar([items], plugins=[litestar.LifescopePlugin()], logging_config=None)
    """,
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_pages_of_the_framework_do_not_count(run: Run, program: Write, framework: str) -> None:
    """Routes are the user's: not the schema, and the pages that show it."""
    text = textwrap.dedent(FRAMEWORKS[framework])
    name = program(f"{text}\napp = Container(make_a).asgi(create_app)")
    assert run("check", f"{name}:app") == (0, "ok: 1 provider, 1 route\n", "")
    assert "items(a)" in run("plan", f"{name}:app", "/items").out


QUOTED = """
from fastapi import Depends, FastAPI
from lifescope.integrations.fastapi import Inject as Injected

def dependency(later: Injected["Later"]) -> None: ...

def create_app():
    app = FastAPI()

    class Local: ...

    @app.get("/items", dependencies=[Depends(dependency)])
    async def items(
        later: Injected["Later"],
        lazy: Injected[Lazy["Later"]],
        named: Injected[Annotated["Later | None", Named("x")]],
        local: Injected["Local | None"],
    ) -> list[str]:
        return [type(later).__name__, type(await lazy).__name__, repr(named), repr(local)]

    return app

@provider(scope="request")
class Later: ...

app = Container(Later).asgi(create_app)
"""


def test_names_in_quotes(run: Run, program: Write) -> None:
    """G14: FastAPI does not read what stands in quotes within `Inject[...]`; we do."""
    name = program(QUOTED)
    assert run("check", f"{name}:app") == (0, "ok: 1 provider, 1 route\n", "")
    with TestClient(sys.modules[name].app) as client:
        assert client.get("/items").json() == ["Later", "Later", "None", "None"]


def test_names_in_quotes_that_are_not_there(run: Run, program: Write) -> None:
    """C13: It is the name that is wrong, not a provider that is missing."""
    name = program(QUOTED.replace("class Later", "class Latter").replace("r(Later)", "r(Latter)"))
    done = run("check", f"{name}:app")
    assert done.code == cli.PROBLEMS
    assert 'cannot read the annotation "Later" of "later" in items()' in done.out
    assert "Fix: say Latter instead of Later" in done.out
    assert "nothing provides" not in done.out
