"""Who imports whom: the contracts in pyproject.toml, and what import-linter cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import lifescope
import lifescope.adapters

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lifescope"
UVICORN = "lifescope._uvicorn"
COMMANDS = "lifescope.cli"
PLUGIN = "lifescope.pytest_plugin"
"""The plugin for pytest ..."""
UNDER_TEST = "lifescope._under_test"
"""... and what it is made of."""
SERVERS = {UVICORN, f"{COMMANDS}._run", "lifescope.server"}
"""What runs a server: uvicorn, and so asyncio."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and where in the module it does."""

    importer: str
    module: str
    name: str
    level: int
    line: int
    in_function: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.name or '*'} of {self.module}"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its name."""
    return {
        ".".join(["lifescope", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
            ".__init__"
        ): ast.parse(path.read_text(), str(path))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def imports() -> list[Import]:
    return [
        found
        for name, tree in modules().items()
        for found in _imports(name, tree, in_function=False, for_types=False)
    ]


def _imports(
    importer: str, node: ast.AST, *, in_function: bool, for_types: bool
) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(importer, alias.name, "", 0, node.lineno, in_function, for_types)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        for alias in node.names:
            yield Import(
                importer, module, alias.name, node.level, node.lineno, in_function, for_types
            )
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for_types = for_types or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    for child in ast.iter_child_nodes(node):
        yield from _imports(importer, child, in_function=in_function, for_types=for_types)


def folder(module: str) -> str:
    return module.rpartition(".")[0]


def top(module: str) -> str:
    return module.partition(".")[0]


def test_contracts_are_kept() -> None:
    """The layers of the design hold: `lint-imports` finds nothing."""
    pytest.importorskip("importlinter.cli")
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    # In a process of its own: it configures logging, for everybody.
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 0 kept" not in done.stdout


def test_every_module_is_seen() -> None:
    """The tests of this file look at the package that is in use."""
    assert Path(lifescope.__file__).parent.name == "lifescope"
    names = set(modules())
    assert {"lifescope", "lifescope._runtime", "lifescope.integrations.fastapi"} <= names
    assert len(imports()) > 100


def test_imports_for_type_checkers_stay_in_their_folder() -> None:
    """Under TYPE_CHECKING a module sees its neighbours at most, never another layer.

    We read annotations when the program runs, and a name that is there for the checker alone is
    a trap; so is a cycle between layers that only the checker knows of.
    """
    wrong = [str(i) for i in imports() if i.for_types and folder(i.module) != folder(i.importer)]
    assert wrong == []


def test_imports_in_functions_are_the_known_ones() -> None:
    """An import that is hidden in a function is the standard library's.

    Anything else would be a way around the layers, or an import that first costs time in a
    request.
    """
    wrong = [
        str(i)
        for i in imports()
        if i.in_function
        and top(i.module) not in sys.stdlib_module_names
        and not i.module.startswith("annotationlib")  # new in Python 3.14
        and folder(i.importer) != COMMANDS  # a command imports what it needs, when asked for
        and i.importer != PLUGIN
    ]
    assert wrong == []


def test_frameworks_are_imported_by_their_adapters_alone() -> None:
    """The core recognises a framework's classes by name, and makes those that it is asked for."""
    wrong = [
        str(i)
        for i in imports()
        if top(i.module) in ("starlette", "fastapi", "litestar")
        and not i.importer.startswith("lifescope.integrations.")
        and i.importer != f"{UNDER_TEST}.clients"
    ]
    assert wrong == []


def test_only_declared_packages_are_imported() -> None:
    """What the core imports is the standard library, anyio and typing-extensions."""
    allowed = {"lifescope", "anyio", "typing_extensions", "annotationlib"}
    wrong = [
        str(i)
        for i in imports()
        if not i.importer.startswith("lifescope.integrations.")
        and top(i.module) not in allowed | sys.stdlib_module_names
        and not (i.importer in (UVICORN, f"{COMMANDS}._run") and top(i.module) == "uvicorn")
        and not (i.importer.startswith((PLUGIN, UNDER_TEST)) and top(i.module) == "pytest")
        and i.importer != f"{UNDER_TEST}.clients"
    ]
    assert wrong == []


def test_each_adapter_imports_its_own_framework() -> None:
    """An adapter imports lifescope, the standard library and the framework it is named after.

    A part of it is named after it: `_fastapi_routes`.
    """
    wrong = [
        str(i)
        for i in imports()
        if i.importer.startswith("lifescope.integrations.")
        and top(i.module)
        not in {"lifescope", i.importer.rpartition(".")[2].lstrip("_").partition("_")[0]}
        and top(i.module) not in sys.stdlib_module_names
    ]
    assert wrong == []


OF_FUNCTIONS = {
    f"__{name}__"
    for name in ("code", "closure", "globals", "defaults", "kwdefaults", "module", "name")
} | {"__qualname__"}
"""What the language says that functions have, those of a framework among them."""


def test_adapters_use_public_names_only() -> None:
    """An adapter could leave the package: it imports what `__all__` has, and reads nothing else."""
    public = {
        module.__name__: module.__all__
        for module in (lifescope, lifescope.adapters, lifescope.errors)
    }
    adapters = {n: t for n, t in modules().items() if n.startswith("lifescope.integrations.")}
    wrong = [
        str(i)
        for i in imports()
        if i.importer in adapters
        and top(i.module) == "lifescope"
        and i.name not in public.get(i.module, [])
        and not i.module.startswith("lifescope.integrations._")  # a part of one
    ]
    wrong += [
        f"{name}:{node.lineno} reads {ast.unparse(node)}"
        for name, tree in adapters.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and node.attr not in OF_FUNCTIONS
        and node.attr != "__lifescope_key__"  # an adapter's own mark
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "other"))
    ]
    assert wrong == []


def test_asyncio_and_trio_are_told_apart_in_one_module() -> None:
    """Everything else goes through anyio, or through `_runtime/loops.py`.

    `_runtime/shield.py` is about asyncio alone: it drives coroutines as asyncio's tasks do.
    """
    wrong = [
        str(i)
        for i in imports()
        if top(i.module) in ("asyncio", "trio", "sniffio")
        and (i.importer, top(i.module))
        not in (
            ("lifescope._runtime.loops", "asyncio"),
            ("lifescope._runtime.shield", "asyncio"),
        )
        and i.importer not in (*SERVERS, f"{UNDER_TEST}.asyncio_loops")
    ]
    assert wrong == []


def test_no_relative_and_no_star_imports() -> None:
    """An import says where a name comes from."""
    wrong = [str(i) for i in imports() if i.level or i.name == "*"]
    assert wrong == []
