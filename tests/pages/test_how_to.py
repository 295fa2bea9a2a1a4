"""Issue 9: a program that a page shows works for who copies it from there into an empty folder."""

import functools
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import markdown
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for folder in ("how-to", "tutorial")
    for path in (DOCS / folder).glob("*.md")
)

OF_THE_CHECKOUT = {"how-to/check-in-ci", "how-to/run-chat", "how-to/run-notes", "how-to/run-shop"}
"""Pages about the applications in examples/, which nobody copies from a page."""

BEFORE = {"tutorial/live": "tutorial/first-app"}
"""The page in whose folder another one goes on."""

MAKES_WHAT_IT_NEEDS = {"how-to/draw": "recipes.drawing"}
"""The module that a page says to run before its tests."""

_FILE = re.compile(r'^( *)```\w+ title="([^"]+)"\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_TRY = """
# Each page in a process of its own, which has the libraries already: they take longest.
import importlib, json, os, runpy, sys
import fastapi.testclient, httpx, pytest, sqlalchemy.ext.asyncio, starlette.applications
import lifescope.integrations.fastapi, lifescope.testing

def attempt(folder, first, names, has_tests):
    os.chdir(folder)
    sys.path.insert(0, folder)
    if first:
        runpy.run_module(first, run_name="__main__")
    for name in names:
        importlib.import_module(name)
    options = ["-q", "-plifescope.pytest_plugin", "-pno:asyncio", "-pno:cacheprovider"]
    return pytest.main(options) if has_tests else 0

for line in sys.stdin:
    page = json.loads(line)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("tried", flush=True)
        continue
    out = os.open(page["said"], os.O_WRONLY | os.O_CREAT)
    os.dup2(out, 1), os.dup2(out, 2)
    code = 1
    try:
        code = attempt(page["folder"], page["first"], page["names"], page["has_tests"])
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        print("exit code", int(code), flush=True)
        os._exit(0)
"""


def source(page: str) -> str:
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


@functools.cache
def files(page: str) -> dict[str, str]:
    """What stands below each file name on the page; in several pieces, one after the other."""
    found = files(BEFORE[page]).copy() if page in BEFORE else {}
    for _, name, text in _FILE.findall(as_read(source(page))):
        found[name] = found.get(name, "") + textwrap.dedent(text) + "\n\n"
    return found


def as_read(text: str) -> str:
    """*text* with the samples in place of the lines that include them."""
    bases = [str(ROOT / "examples"), str(ROOT)]
    options = {"base_path": bases, "check_paths": True, "dedent_subsections": True}
    reader = markdown.Markdown(
        extensions=["pymdownx.snippets"], extension_configs={"pymdownx.snippets": options}
    )
    return "\n".join(reader.preprocessors["snippet"].run(text.splitlines())) + "\n"


@pytest.fixture(scope="module")
def trial() -> Iterator[subprocess.Popen[str]]:
    """Tries what it reads, a line of JSON for each page, and says so."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with subprocess.Popen(
        [sys.executable, "-c", _TRY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=env,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def copied(page: str, folder: Path) -> dict[str, Any]:
    """The files of a page, copied, and what is to be tried with them."""
    inside = folder / "trial"
    for name, text in files(page).items():
        path = inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = [name.removesuffix(".py").replace("/", ".") for name in files(page)]
    tests = [name for name in names if name.rpartition(".")[2].startswith(("test_", "conft"))]
    return {
        "folder": str(inside),
        "said": str(folder / "said.txt"),
        "first": MAKES_WHAT_IT_NEEDS.get(page),
        "names": [name for name in names if name not in tests],
        "has_tests": any(".test_" in f".{name}" for name in names),
    }


@pytest.mark.parametrize("page", [page for page in PAGES if files(page)])
def test_program_of_a_page_works_in_an_empty_folder(
    page: str, trial: subprocess.Popen[str], tmp_path: Path
) -> None:
    """All that it imports is on the page or installed; its tests pass."""
    attempt = copied(page, tmp_path)
    assert trial.stdin is not None
    assert trial.stdout is not None
    trial.stdin.write(json.dumps(attempt) + "\n")
    trial.stdin.flush()
    assert trial.stdout.readline() == "tried\n"
    said = Path(attempt["said"]).read_text("utf-8")
    assert said.splitlines()[-1] == "exit code 0", said


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OF_THE_CHECKOUT])
def test_every_part_is_of_a_program_that_is_shown_as_a_whole(page: str) -> None:
    """So nobody has to guess an import, or where a name comes from."""
    parts = set(re.findall(r'^```python\n--8<-- "([^:"]+\.py)', source(page), re.MULTILINE))
    whole = re.findall(r'^ *```python title=.*\n *--8<-- "([^:"]+)', source(page), re.MULTILINE)
    assert parts - set(whole) == set()
