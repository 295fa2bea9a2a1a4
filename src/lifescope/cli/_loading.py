"""`module:app`: from the name to the object, and what to say where that fails."""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, TypeVar

import lifescope
from lifescope import Container
from lifescope._asgi.checking import Findings
from lifescope._asgi.root import Root
from lifescope._model.provider import Provider
from lifescope._runtime.engine import Engine
from lifescope.cli._codes import NOT_STARTED, WRONG_USE
from lifescope.cli._terminal import say
from lifescope.errors import AppFactoryError, GraphError, SuppliedValueError

__all__ = ["Target", "add_app", "find_here", "load", "load_app", "load_target", "refuse"]

T = TypeVar("T")


class Target(NamedTuple):
    """What a command looks at.

    Attributes:
        engine: Of the container.
        root: What `container.asgi()` returned; None if a container was named.
        findings: What is known of its app; None if a container was named.
    """

    engine: Engine
    root: Root | None
    findings: Findings | None

    def at_start(self) -> list[Provider]:
        """What the start makes, in order: for the app factory, then for the app's routes."""
        for_factory, for_routes = self.start()
        return [*for_factory, *for_routes]

    def start(self) -> tuple[list[Provider], list[Provider]]:
        """The same, in two parts; what would be asked for by routes unknown is everything."""
        engine, findings = self.engine, self.findings
        if findings is None:
            return engine.eager_providers(()), []
        factory = [findings.factory] if findings.factory is not None else []
        first = engine.eager_providers(engine.check_endpoints(factory)[0])
        asked = [entry for route in findings.routes for entry in route.entries]
        are_all = findings.is_read and all(route.is_known for route in findings.routes)
        roots = engine.check_endpoints(asked)[0] if are_all else engine.roots()
        return first, [p for p in engine.eager_providers(roots) if p not in first]


class _WrongNameError(Exception):
    """The user has named nothing that is fit for the command."""


def add_app(command: argparse.ArgumentParser, *, text: str = "module:app") -> None:
    """Add the arguments with which an app or a container is named."""
    described = "what container.asgi() returned, or a container"
    command.add_argument("app", metavar=text, help=described)
    command.add_argument("--app-dir", default=".", help="where the module is found; default: here")


def find_here(folder: str) -> None:
    """Let modules be found in *folder*."""
    sys.path.insert(0, os.path.abspath(folder))


def refuse(text: str) -> NoReturn:
    """End with the exit code of wrong use, and a sentence about why."""
    say(text)
    sys.exit(WRONG_USE)


def load(name: str, get: Callable[[str], T]) -> T:
    """What *get* makes of *name*.

    Raises:
        SystemExit: It is not there, or the module cannot be imported.
        LifescopeError: A container that cannot be built, say.
    """
    try:
        return get(name)
    except _WrongNameError as error:
        refuse(str(error))
    except _REPORTED:
        raise
    except (Exception, SystemExit) as error:  # its own exit code is none of ours
        traceback.print_exception(type(error), error, _of_the_user(error.__traceback__))
        say(f'"{name}" cannot be imported, or its app cannot be made')
        sys.exit(NOT_STARTED)


_REPORTED = (GraphError, AppFactoryError, SuppliedValueError)
"""Mistakes that say themselves what is wrong, and where."""

_OURS = str(Path(lifescope.__file__).parent)


def _of_the_user(trace: TracebackType | None) -> TracebackType | None:
    """*trace* without our own frames, and Python's, that lead to the module."""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib", importlib.__file__)):
            break
        trace = trace.tb_next
    return trace


def load_app(name: str) -> Any:
    """The ASGI app that `module:app` names."""
    found = _named(name)
    if not callable(found):
        kind = type(found).__name__
        hint = "; container.asgi() makes one of it" if kind == "Container" else ""
        raise _WrongNameError(f'"{name}" is no ASGI app, but an object of type {kind}{hint}')
    return found


def load_target(name: str) -> Target:
    """The container, or the root with its container, that `module:app` names.

    What the module and the app factory print goes to stderr: stdout is for the command.
    """
    with redirect_stdout(sys.stderr):
        return _target(name)


def _target(name: str) -> Target:
    found = _named(name)
    if isinstance(found, Root):
        return Target(found.engine, found, found.findings())
    if isinstance(found, Container):
        return Target(found._engines.current().engine, None, None)
    raise _WrongNameError(
        f'"{name}" is an object of type {type(found).__name__}: name what container.asgi() '
        f"returned, or a Container"
    )


def _named(name: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise _WrongNameError(f'"{name}" is not of the form module:app, such as shop:app')
    found: Any = _import(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _WrongNameError(f'the module "{module_name}" has no "{attribute}"')
        found = getattr(found, part)
    return found


def _import(name: str) -> Any:
    if name.startswith("."):  # a path, or a relative import, and here is nothing to relate it to
        raise _unknown_module(name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise _unknown_module(name) from None


def _unknown_module(name: str) -> _WrongNameError:
    is_path = name.endswith(".py") or "/" in name or "\\" in name
    hint = "; write dots instead of slashes, and no .py" if is_path else ""
    return _WrongNameError(f'there is no module "{name}"; --app-dir says where it is found{hint}')
