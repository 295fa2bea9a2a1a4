"""C17: what nothing asks for is a warning, and with `--strict` a problem."""

import json

import pytest

from cli.conftest import Run, Write
from lifescope import cli

APP = """
def create_app() -> Starlette:
    return Starlette(routes=[Route("/", show)])

"""


def unused(run: Run, name: str) -> list[str]:
    """The keys that the warnings are about."""
    done = run("check", "--json", f"{name}:app")
    assert done.code == 0
    warnings = json.loads(done.out)["warnings"]
    assert {warning["code"] for warning in warnings} <= {"LS112"}
    return [warning["title"].removeprefix("nothing asks for ") for warning in warnings]


SPARE = """
@provider(scope="app")
def spare() -> C: ...

app = Container(make_a, make_b, spare).asgi(create_app)
"""


def test_warning(run: Run, program: Write) -> None:
    """It names the provider and its place, and is no problem."""
    done = run("check", f"{program(APP + SPARE)}:app")
    assert done.code == 0
    assert "[LS112] nothing asks for C" in done.out
    assert "spare()" in done.out
    assert done.out.endswith("\nok: 3 providers, 1 route, 1 warning\n")


def test_strict(run: Run, program: Write) -> None:
    """It is a problem like any other, with the exit code of one."""
    done = run("check", "--strict", f"{program(APP + SPARE)}:app")
    assert done.code == cli.PROBLEMS
    assert done.out.endswith("\n1 problem, 3 providers, 1 route\n")


USED = {
    "eager": ("@provider(scope='app', eager=True)\ndef spare() -> C: ...", "spare"),
    "by what is eager": (
        "@provider(scope='app')\ndef spare() -> C: ...\n"
        "class D: pass\n@provider(scope='app', eager=True)\ndef d(c: C) -> D: ...",
        "spare, d",
    ),
    "by another function with @inject": (
        "@provider(scope='app')\ndef spare() -> C: ...\n"
        "@inject\nasync def command(c: Inject[C]) -> None: ...",
        "spare",
    ),
    "later": (
        "@provider(scope='app')\ndef spare() -> C: ...\n"
        "class D: pass\n@provider(scope='app', eager=True)\ndef d(c: Lazy[C]) -> D: ...",
        "spare, d",
    ),
    "by whoever looks for the current one": (
        "@provider(scope='request')\ndef spare() -> C: ...\n"
        "class D: pass\n@provider(scope='app', eager=True)\ndef d(c: Current[C]) -> D: ...",
        "spare, d",
    ),
    "in a list": (
        "@provider(scope='app', many=True)\ndef spare() -> C: ...\n"
        "class D: pass\n@provider(scope='app', eager=True)\ndef d(c: list[C]) -> D: ...",
        "spare, d",
    ),
    "as a decorator": ("@provider(scope='app', decorate=True)\ndef spare(a: A) -> A: ...", "spare"),
    "an open generic": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Repo(Generic[T]):\n"
        "    def __init__(self, kind: type[T]) -> None: ...\n"
        "class D: pass\n@provider(scope='app', eager=True)\ndef d(c: Repo[C]) -> D: ...",
        "provider(Repo, scope='app'), d",
    ),
    "with other keys": (
        "class D: pass\n@provider(scope='app', provides=(C, D))\ndef spare() -> D: ...\n"
        "class E: pass\n@provider(scope='app', eager=True)\ndef e(c: C) -> E: ...",
        "spare, e",
    ),
    "handed in": ("", "supplied(C, scope='request')"),
}


@pytest.mark.parametrize("how", USED)
def test_what_is_used_is_no_warning(run: Run, program: Write, how: str) -> None:
    """However it is used, or could not be."""
    text, sources = USED[how]
    values = "" if how != "handed in" else "class D: pass\n"
    scope = "app" if how == "handed in" else "request"
    sources = sources.replace("scope='request')", f"scope='{scope}')") if values else sources
    given = ", values={C: C()}" if how == "handed in" else ""
    name = program(
        f"{APP}{text}\n\napp = Container(make_a, make_b, {sources}).asgi(create_app{given})"
    )
    assert unused(run, name) == []


def test_ready_objects_are_no_warning(run: Run, program: Write) -> None:
    """`values=` may come from elsewhere."""
    text = "app = Container(make_a, make_b, values={C: C()}).asgi(create_app)"
    assert unused(run, program(APP + text)) == []


NOT_USED = {
    "what only that needs is named with it": (
        "class D: pass\n@provider(scope='app')\ndef d(c: C) -> D: ...\n"
        "@provider(scope='app')\ndef spare() -> C: ...",
        "spare, d",
        ["D"],
    ),
    "a list that nobody asks for": (
        "@provider(scope='app', many=True)\ndef spare() -> C: ...",
        "spare",
        ["list[C]"],
    ),
    "a decorator goes with what it wraps": (
        "@provider(scope='app')\ndef spare() -> C: ...\n"
        "@provider(scope='app', decorate=True)\ndef more(c: C) -> C: ...",
        "spare, more",
        ["C"],
    ),
    "nor what a decorator needs": (
        "class D: pass\n@provider(scope='app')\ndef d() -> D: ...\n"
        "@provider(scope='app')\ndef spare() -> C: ...\n"
        "@provider(scope='app', decorate=True)\ndef more(c: C, d: D) -> C: ...",
        "d, spare, more",
        ["C"],
    ),
    "a circle through a factory": (
        "class D: pass\n@provider(scope='app')\ndef d(c: Factory[C]) -> D: ...\n"
        "@provider(scope='app')\ndef spare(d: D) -> C: ...",
        "d, spare",
        ["D"],
    ),
    "an open generic": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Repo(Generic[T]):\n"
        "    def __init__(self, kind: type[T]) -> None: ...",
        "provider(Repo, scope='app')",
        ["Repo"],
    ),
}


@pytest.mark.parametrize("what", NOT_USED)
def test_what_is_not_used(run: Run, program: Write, what: str) -> None:
    """One warning for each thing that can be removed."""
    text, sources, keys = NOT_USED[what]
    name = program(f"{APP}{text}\n\napp = Container(make_a, make_b, {sources}).asgi(create_app)")
    assert unused(run, name) == keys


def test_what_only_it_needs_is_said(run: Run, program: Write) -> None:
    """Whoever removes it sees what else can go."""
    text, sources, _ = NOT_USED["what only that needs is named with it"]
    name = program(f"{APP}{text}\n\napp = Container(make_a, make_b, {sources}).asgi(create_app)")
    out = run("check", f"{name}:app").out
    assert "Needed by nothing else:\n    - spare()" in out


def test_decorator_is_not_what_is_named(run: Run, program: Write) -> None:
    """What it wraps is, with what else the decorator needs."""
    text, sources, _ = NOT_USED["nor what a decorator needs"]
    name = program(f"{APP}{text}\n\napp = Container(make_a, make_b, {sources}).asgi(create_app)")
    out = run("check", f"{name}:app").out
    assert "  spare()  app" in out
    assert "Needed by nothing else:\n    - d()" in out
    assert "more()" not in out


@pytest.mark.parametrize("asked", ["OpenScope", "Background"])
def test_who_can_ask_for_anything_ends_the_search(run: Run, program: Write, asked: str) -> None:
    """An open scope gives anything to whoever has it, a job say: nobody knows what is unused."""
    text = SPARE.replace("def spare()", f"def spare(scope: {asked})")
    done = run("check", "--strict", f"{program(APP + text)}:app")
    assert done.code == 0
    flat = " ".join(done.out.split())
    assert "note: unused providers were not looked for, as spare() can ask" in flat


def test_problems_come_first(run: Run, program: Write) -> None:
    """While something is wrong, nobody knows what would be used."""
    text = APP.replace('Route("/", show)', 'Route("/", show), Route("/m", missing)')
    missing = "@inject\nasync def missing(request: Request, d: Inject[int]) -> Response: ...\n"
    done = run("check", f"{program(missing + text + SPARE)}:app")
    assert done.code == cli.PROBLEMS
    assert "LS112" not in done.out


def test_of_many_that_could_go_only_some_are_named(run: Run, program: Write) -> None:
    """One screen: three of them, and a number."""
    classes = "\n".join(f"class N{n}: pass" for n in range(6))
    needs = ", ".join(f"n{n}: N{n}" for n in range(6))
    name = program(
        f"{APP}{classes}\n\n@provider(scope='app')\ndef spare({needs}) -> C: ...\n\n"
        f"those = [provider(cls, scope='app') for cls in (N0, N1, N2, N3, N4, N5)]\n"
        f"app = Container(make_a, make_b, spare, those).asgi(create_app)"
    )
    out = run("check", f"{name}:app").out
    assert "    - N2 " in out
    assert "N3 " not in out
    assert "    - and 3 more\n" in out
