"""The virtual environments below .cache/env, made once and used again.

An environment is named after what it is for, its interpreter's version and a hash of all that
went into it. A second run finds it complete and installs nothing; a change of the dependencies
makes a new one.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from _steps import CACHE, ROOT, Reporter, Step

_FOLDER = CACHE / "env"
_COMPLETE = ".complete"
_KEPT = 7 * 24 * 3600  # seconds for which an environment that is no longer used is kept
_ASK = "import sys, ensurepip, venv; print('%d.%d.%d' % sys.version_info[:3], sys.base_prefix)"
# The parts of [project] that decide what an installation consists of.
_INSTALLED = (
    "name",
    "version",
    "requires-python",
    "dependencies",
    "optional-dependencies",
    "scripts",
    "entry-points",
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that can make environments."""

    path: str
    version: str
    base: str

    @property
    def minor(self) -> str:
        """The version without its last part, such as 3.11."""
        return self.version.rpartition(".")[0]


@dataclass(frozen=True)
class Environment:
    """A virtual environment on disk."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.tool("python")

    @property
    def pip(self) -> tuple[str | Path, ...]:
        """The command that installs into this environment; the one pip that there is does it."""
        return (_pip_environment().python, "-m", "pip", "--python", self.python)

    def tool(self, name: str) -> Path:
        """The path of the command *name* in this environment."""
        return self.folder / "bin" / name


@dataclass(frozen=True)
class Recipe:
    """What an environment is for, and what is installed in it."""

    name: str
    interpreter: Interpreter
    groups: tuple[str, ...] = ()
    editable: bool = False
    oldest: bool = False  # what the project needs, in the oldest versions that it allows

    @property
    def title(self) -> str:
        return f"environment {self.name} {self.interpreter.minor}"

    @property
    def environment(self) -> Environment:
        content = json.dumps([self._ingredients(), self.interpreter.base, str(ROOT)])
        digest = hashlib.sha256(content.encode()).hexdigest()[:10]
        return Environment(_FOLDER / f"{self._prefix()}{digest}")

    def others(self) -> list[Path]:
        """The folders of earlier environments of the same name and version."""
        current = self.environment.folder
        return [path for path in _FOLDER.glob(f"{self._prefix()}*") if path != current]

    def _prefix(self) -> str:
        return f"{self.name}-{self.interpreter.version}-"

    def _ingredients(self) -> list[Any]:
        declared = declarations()
        groups = {name: _group(declared["dependency-groups"], name) for name in self.groups}
        project = {name: declared["project"].get(name) for name in _INSTALLED}
        return [groups, project, declared["build-system"], self.editable, self.pins()]

    def pins(self) -> list[str]:
        """The versions that are not left to pip."""
        return oldest_versions(declarations()["project"]) if self.oldest else []


@cache
def declarations() -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def current_interpreter() -> Interpreter:
    """The Python that runs this script."""
    found = _ask(sys.executable)
    assert found is not None, "scripts/_python.sh starts only a Python that fits"
    return found


def other_interpreters(current: Interpreter) -> list[Interpreter]:
    """One Python for each other supported version that this machine has."""
    marker = "Programming Language :: Python :: 3."
    classifiers: list[str] = declarations()["project"]["classifiers"]
    versions = [f"3.{line.removeprefix(marker)}" for line in classifiers if line.startswith(marker)]
    found = (_find(version) for version in versions if version != current.minor)
    return [interpreter for interpreter in found if interpreter is not None]


def prepare(recipe: Recipe, reporter: Reporter) -> Environment | None:
    """Make the environment of *recipe*, unless it is there; None if that failed."""
    environment = recipe.environment
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with _locked(_FOLDER / f"{recipe.name}-{recipe.interpreter.version}.lock"):
        marker = environment.folder / _COMPLETE
        if not marker.exists():
            if not reporter.step(recipe.title, _maker(recipe)):
                return None
            for folder in recipe.others():
                _remove_if_unused(folder)
        marker.touch()
    return environment


def _maker(recipe: Recipe) -> Callable[[Step], None]:
    def make(step: Step) -> None:
        environment = recipe.environment
        shutil.rmtree(environment.folder, ignore_errors=True)
        _make_pip(step)
        step.need(recipe.interpreter.path, "-m", "venv", "--without-pip", environment.folder)
        wanted = [f"--group={name}" for name in recipe.groups]
        if recipe.editable:
            wanted += ["--editable", str(ROOT)]
        wanted += recipe.pins()
        if wanted:
            # What is imported is compiled then: that is a small part of it.
            step.need(*environment.pip, "install", "--no-compile", *wanted)

    return make


def _make_pip(step: Step) -> None:
    """Make the environment whose pip installs into all others, unless it is there."""
    environment = _pip_environment()
    with _locked(_FOLDER / "pip.lock"):
        if not (environment.folder / _COMPLETE).exists():
            shutil.rmtree(environment.folder, ignore_errors=True)
            step.need(sys.executable, "-m", "venv", environment.folder)
            # The one in the interpreter's bundle may be too old for --group.
            step.need(environment.python, "-m", "pip", "install", "--upgrade", "pip>=25.1")
            (environment.folder / _COMPLETE).touch()


@cache
def _pip_environment() -> Environment:
    digest = hashlib.sha256(sys.base_prefix.encode()).hexdigest()[:10]
    return Environment(_FOLDER / f"pip-{platform.python_version()}-{digest}")


def oldest_versions(project: dict[str, Any]) -> list[str]:
    """The lower bound of each dependency and each extra, as a requirement: "anyio==4.11"."""
    extras: dict[str, list[str]] = project["optional-dependencies"]
    needed = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    bounds = [_LOWER_BOUND.match(requirement) for requirement in needed]
    assert all(bounds), f"one of these has no lower bound: {needed}"
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound is not None]


_LOWER_BOUND = re.compile(r"([\w.-]+)>=([\d.]+)")


def _group(groups: dict[str, list[str | dict[str, str]]], name: str) -> list[str]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    requirements: list[str] = []
    for entry in groups[name]:
        if isinstance(entry, str):
            requirements.append(entry)
        else:
            requirements += _group(groups, entry["include-group"])
    return requirements


def _find(version: str) -> Interpreter | None:
    name = f"python{version}"
    on_path = [Path(folder) / name for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    in_pyenv = sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))
    for path in [*on_path, *in_pyenv]:
        interpreter = _ask(str(path)) if path.exists() else None
        if interpreter is not None and interpreter.minor == version:
            return interpreter
    return None


def _ask(path: str) -> Interpreter | None:
    # Asking is the only way to know: a pyenv shim exists, and fails if its version is not active.
    try:
        answer = subprocess.run(
            [path, "-c", _ASK], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, base = answer.stdout.strip().partition(" ")
    return Interpreter(path, version, base)


def _remove_if_unused(folder: Path) -> None:
    marker = folder / _COMPLETE
    if folder.is_dir() and not (marker.exists() and time.time() - marker.stat().st_mtime < _KEPT):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the file *path* as a lock: two runs never make or remove an environment together."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
