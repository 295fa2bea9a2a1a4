"""How types, callables and places in source files are spelled for people."""

import ast
import functools
import inspect
import linecache
import os
import sys
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

__all__ = [
    "Caller",
    "Place",
    "at",
    "identifier",
    "is_foreign",
    "place_of",
    "place_of_caller",
    "spell",
    "spell_callable",
    "written_at",
]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a source file; `line` starts at 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{_short(self.file)}:{self.line}"


Caller = tuple[types.CodeType, int]
"""Who calls, as `f_code` and `f_lasti` of its frame: a place, once somebody wants to read it."""


def place_of_caller(caller: Caller | Place | None) -> Place | None:
    """The line that it is at."""
    if caller is None or isinstance(caller, Place):
        return caller
    code, offset = caller
    lines = (line for start, end, line in code.co_lines() if start <= offset < end)
    return Place(code.co_filename, next(lines, None) or code.co_firstlineno)


def at(place: Place | None) -> str:
    """*place* in brackets, to stand behind what is written there; nothing if nobody knows."""
    return f" ({place})" if place else ""


def spell(form: object) -> str:
    """A type form as its author would write it: `Session`, `list[Order]`, `User | None`."""
    if form is None or form is types.NoneType:
        return "None"
    if isinstance(form, str):
        return form
    origin = get_origin(form)
    if origin is Annotated:
        return spell(get_args(form)[0])
    if origin is types.UnionType or origin is typing.Union:
        return " | ".join(spell(argument) for argument in get_args(form))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, get_args(form)))}]"
    if origin is not None:
        return f"{spell(origin)}[{', '.join(_spell_argument(a) for a in get_args(form))}]"
    name = getattr(form, "__qualname__", None) or getattr(form, "__name__", None)
    return name.rpartition("<locals>.")[2] if isinstance(name, str) else repr(form)


def _spell_argument(argument: object) -> str:
    if argument is ...:
        return "..."
    if isinstance(argument, list):
        items = typing.cast("list[object]", argument)
        return f"[{', '.join(spell(item) for item in items)}]"
    return spell(argument)


def spell_callable(target: Callable[..., Any]) -> str:
    """`open_session()` for functions, `Session` for classes."""
    target = unwrap(target)
    name = spell(target) if hasattr(target, "__qualname__") else type(target).__qualname__
    return name if isinstance(target, type) else f"{name}()"


def unwrap(target: Any) -> Any:
    """What stands behind `functools.partial`, bound methods and `functools.wraps`."""
    while True:
        if isinstance(target, functools.partial):
            target = target.func
        elif inspect.ismethod(target):
            target = target.__func__
        elif hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        else:
            return target


def place_of(target: Any) -> Place | None:
    """Where *target* is written, or None where that cannot be known (built-in, REPL)."""
    target = unwrap(target)
    code = getattr(target, "__code__", None)
    if isinstance(code, types.CodeType):
        return Place(code.co_filename, code.co_firstlineno)
    cls: Any = target if isinstance(target, type) else type(target)
    try:
        file = inspect.getsourcefile(cls)
        module = sys.modules.get(cls.__module__)
        lines = _lines_of_classes(file, module)[cls.__qualname__] if file else ()
        line = lines[0] if len(lines) == 1 else inspect.getsourcelines(cls)[1]
        return Place(file or "?", line)
    except (KeyError, OSError, TypeError):
        return None


_classes: dict[str, tuple[list[str], dict[str, list[int]]]] = {}


def _lines_of_classes(file: str, module: types.ModuleType | None) -> dict[str, list[int]]:
    """Where each class in *file* begins, by its qualified name.

    `inspect` reads a file anew for each class, and a report may be about hundreds of them.
    """
    linecache.checkcache(file)
    source = linecache.getlines(file, vars(module) if module is not None else None)
    known = _classes.get(file)
    if known is None or known[0] is not source:  # the same list, as long as the file is the same
        lines: dict[str, list[int]] = {}
        with suppress(SyntaxError, ValueError):
            for name, line in _classes_in(ast.parse("".join(source))):
                lines.setdefault(name, []).append(line)
        known = _classes[file] = source, lines
    return known[1]


def _classes_in(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The qualified name and the first line of each class."""
    todo: list[tuple[ast.AST, str]] = [(tree, "")]
    while todo:
        node, prefix = todo.pop()
        if isinstance(node, ast.ClassDef):
            first = node.decorator_list[0] if node.decorator_list else node
            yield prefix + node.name, first.lineno
            prefix += f"{node.name}."
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            prefix += f"{node.name}.<locals>."
        todo += [(child, prefix) for child in ast.iter_child_nodes(node)]


def written_at(target: Any) -> Place | None:
    """Where the parameters of *target* are written: of a class, its `__init__`, if it has one.

    An `__init__` that is inherited is found where it stands, one that was generated (a dataclass)
    at the class.
    """
    target = unwrap(target)
    if isinstance(target, type):
        code = getattr(unwrap(inspect.getattr_static(target, "__init__")), "__code__", None)
        if isinstance(code, types.CodeType) and not code.co_filename.startswith("<"):
            return Place(code.co_filename, code.co_firstlineno)
    return place_of(target)


def is_foreign(target: Any) -> bool:
    """Whether *target* is written in an installed package, or comes with Python."""
    module: str = getattr(unwrap(target), "__module__", None) or ""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def identifier(form: object) -> str:
    """A readable Python identifier for *form*, used as a variable name in generated code."""
    text = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in spell(form))
    return text.strip("_") or "value"


def _short(file: str) -> str:
    """*file* relative to the working directory where that is shorter to read."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive on Windows
        return file
    return file if relative.startswith(os.pardir) else relative
