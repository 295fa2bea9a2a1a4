"""What users may rely on: names, errors, and what an import costs."""

import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import lifescope
import lifescope.errors

ROOT = Path(__file__).parents[1]
PUBLIC_MODULES = [
    "lifescope",
    "lifescope.adapters",
    "lifescope.errors",
    "lifescope.integrations.asgi",
    "lifescope.integrations.fastapi",
    "lifescope.integrations.litestar",
    "lifescope.integrations.starlette",
    "lifescope.pytest_plugin",
    "lifescope.render",
    "lifescope.testing",
]

CORE = {"lifescope", "anyio", "typing_extensions"}
"""What `import lifescope` may import besides the standard library ..."""
NEEDED = {"idna", "sniffio", "exceptiongroup"}
"""... and what these import in turn, in any of their versions."""
HEAVY = {"unittest", "asyncio.__main__", "sqlite3", "http", "xml"}
"""Parts of the standard library that are there for other purposes."""


def public(module: str) -> list[Any]:
    imported = importlib.import_module(module)
    return [
        pytest.param(imported, name, id=f"{module}.{name}")
        for name in imported.__all__
        if not isinstance(getattr(imported, name), tuple)  # a constant, with a string below it
    ]


NAMES = [parameter for module in PUBLIC_MODULES for parameter in public(module)]


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_all_is_sorted_and_without_doubles(module: str) -> None:
    """`__all__` reads like an index."""
    names = importlib.import_module(module).__all__
    assert names == sorted(set(names))


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_star_import_gives_all(module: str) -> None:
    """`from ... import *` gives exactly the names in `__all__`."""
    namespace: dict[str, Any] = {}
    exec(f"from {module} import *", namespace)
    del namespace["__builtins__"]
    assert sorted(namespace) == importlib.import_module(module).__all__


def test_package_has_no_other_public_names() -> None:
    """What is importable from `lifescope` without an underscore is public, or a submodule."""
    modules = {"adapters", "cli", "errors", "integrations", "render", "server", "testing"}
    modules |= {"pytest_plugin"}
    # A plugin of pytest gets names from it, such as "@pytest_ar".
    names = {name for name in vars(lifescope) if not name.startswith(("_", "@"))}
    assert names - modules == set(lifescope.__all__)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_public_name_has_a_docstring(module: Any, name: str) -> None:
    """Every class and function of the surface says in its own words what it is for."""
    thing = getattr(module, name)
    if name == "Inject" and not inspect.isclass(thing):
        pytest.skip("an alias; its documentation is the string below it")
    assert callable(thing)
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    first_line = (own or "").partition("\n")[0]
    assert first_line, "an inherited docstring does not count"
    assert first_line[0].isupper() or first_line[0] == "`"


@pytest.mark.parametrize("name", ["Container", "OpenScope"])
def test_public_methods_have_a_docstring(name: str) -> None:
    """Every public method of the surface is documented."""
    members = vars(getattr(lifescope, name)).items()
    without = [
        method
        for method, member in members
        if not method.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property))
        and not inspect.getdoc(member)
    ]
    assert without == []


@pytest.mark.parametrize("name", ["Container", "OpenScope", "provider", "supplied", "inject"])
def test_public_signatures_are_annotated(name: str) -> None:
    """Parameters and results of the surface have types."""
    thing = getattr(lifescope, name)
    functions = (
        [m for n, m in vars(thing).items() if inspect.isfunction(m) and not n.startswith("_")]
        if inspect.isclass(thing)
        else [thing]
    )
    for function in functions:
        signature = inspect.signature(function)
        parameters = [p for n, p in signature.parameters.items() if n != "self"]
        assert all(p.annotation is not p.empty for p in parameters), function
        assert signature.return_annotation is not signature.empty, function


# --- errors ---------------------------------------------------------------------------------


def tree() -> dict[str, str]:
    """The tree in the docstring of `lifescope.errors`: class to its base."""
    bases: dict[str, str] = {}
    above: list[str] = []
    for line in (lifescope.errors.__doc__ or "").splitlines():
        found = re.match(r"^([│├└─ ]*)(\w+Error(?:, \w+Error)*)\b", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        del above[depth:]
        for name in found[2].split(", "):
            bases[name] = above[-1] if above else "Exception"
        above.append(name)
    return bases


def error_classes() -> dict[str, type[BaseException]]:
    return {
        name: member
        for name, member in vars(lifescope.errors).items()
        if inspect.isclass(member)
        and issubclass(member, BaseException)
        and member.__module__ == "lifescope.errors"
    }


def test_every_error_is_a_lifescope_error() -> None:
    """One `except` catches all that lifescope raises itself."""
    assert [
        n for n, e in error_classes().items() if not issubclass(e, lifescope.LifescopeError)
    ] == []


def test_errors_are_public() -> None:
    """Every error class can be imported from `lifescope` and from `lifescope.errors`."""
    assert {*error_classes(), "page"} == set(lifescope.errors.__all__)
    assert set(error_classes()) <= set(lifescope.__all__)
    for name, error in error_classes().items():
        assert getattr(lifescope, name) is error


def test_tree_in_the_docstring_is_the_tree() -> None:
    """The tree that readers see names every class, below its real base."""
    assert tree() == {name: error.__bases__[0].__name__ for name, error in error_classes().items()}


def test_builtins_that_the_tree_promises_are_bases() -> None:
    """Where the tree says "also LookupError", `except LookupError` works; and nowhere else."""
    promised = dict(
        re.findall(
            r"(\w+Error) .*\((?:also|an) (\w+)\)$", lifescope.errors.__doc__ or "", re.MULTILINE
        )
    )
    builtin = {
        name: base.__name__
        for name, error in error_classes().items()
        for base in error.__bases__[1:]
        if base.__module__ == "builtins"
    }
    assert promised == builtin


def test_error_docstrings_say_when() -> None:
    """The first line of an error's docstring is "Raised when ...", or says what it is a base of."""
    wrong = [
        name
        for name, error in error_classes().items()
        if not re.match(r"(Raised |Base of )", error.__doc__ or "")
    ]
    assert wrong == []


# --- what an import costs -------------------------------------------------------------------


def imported_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after *code*, and had not before."""
    program = (
        "import sys, json\nbefore = set(sys.modules)\n"
        f"{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stdout))


MAKE_A_ROOT = """
import lifescope

@lifescope.provider(scope="app")
async def numbers() -> list[int]:
    return []

async def app(scope, receive, send): ...

def create_app(numbers: list[int]):
    return app

container = lifescope.Container(numbers)
root = container.asgi(create_app)
"""


def third_party(modules: set[str]) -> set[str]:
    """Their top-level packages without the standard library."""
    packages = {name.partition(".")[0] for name in modules}
    return {
        name for name in packages - sys.stdlib_module_names if not name.startswith("__editable__")
    }


@pytest.mark.parametrize("code", ["import lifescope", MAKE_A_ROOT], ids=["import", "asgi"])
def test_import_and_asgi_import_no_framework(code: str) -> None:
    """`import lifescope`, and making a root, load our dependencies without Starlette, no more."""
    modules = imported_by(code)
    assert CORE <= third_party(modules) <= CORE | NEEDED
    assert modules & {"starlette", "fastapi", "uvicorn", "trio", "sqlalchemy"} == set()


@pytest.mark.parametrize("code", ["import lifescope", MAKE_A_ROOT], ids=["import", "asgi"])
def test_import_and_asgi_import_nothing_heavy(code: str) -> None:
    """Of the standard library they load nothing that is made for other purposes."""
    allowed = imported_by("import anyio, anyio.from_thread, typing_extensions")
    assert (imported_by(code) - allowed) & HEAVY == set()


def test_asgi_imports_nothing_more_than_lifescope() -> None:
    """A root needs no further module of the package, or of anybody else, until it is started."""
    more = imported_by(MAKE_A_ROOT) - imported_by("import lifescope")
    assert third_party(more) == set()


@pytest.mark.parametrize("adapter", ["asgi", "starlette", "litestar"])
def test_adapter_imports_no_other_framework(adapter: str) -> None:
    """An adapter loads its own framework at most."""
    modules = third_party(imported_by(f"import lifescope.integrations.{adapter}"))
    others = {"fastapi", "litestar", "starlette", "uvicorn", "trio", "pydantic"} - {adapter}
    assert modules & others == set()


# --- the distribution -----------------------------------------------------------------------


def test_types_are_marked() -> None:
    """Type checkers read our annotations because of `py.typed` (PEP 561)."""
    assert (Path(lifescope.__file__).parent / "py.typed").exists()


def test_dependencies_are_these_three() -> None:
    """At run time lifescope needs anyio, Starlette and typing-extensions, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[<>=!~\[; ]", text)[0] for text in project["dependencies"]]
    assert sorted(names) == ["anyio", "starlette", "typing-extensions"]
    required = [text for text in metadata.requires("lifescope") or [] if "extra ==" not in text]
    assert sorted(re.split(r"[<>=!~\[; ]", text)[0] for text in required) == sorted(names)
