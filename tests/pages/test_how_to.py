"""Issue 9: a program that a page shows works for who copies it from there into an empty folder."""

import functools
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

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

LIMIT = 60  # seconds for the tests of a page

_FILE = re.compile(r'^( *)```\w+ title="([^"]+)"\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
_TEST = """
import pytest
sys.exit(pytest.main(["-q", "-plifescope.pytest_plugin", "-pno:asyncio", "-pno:cacheprovider"]))
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


@pytest.mark.parametrize("page", [page for page in PAGES if files(page)])
def test_program_of_a_page_works_in_an_empty_folder(page: str, tmp_path: Path) -> None:
    """All that it imports is on the page or installed; its tests pass."""
    for name, text in files(page).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = [name.removesuffix(".py").replace("/", ".") for name in files(page)]
    has_tests = any(name.rpartition(".")[2].startswith("test_") for name in names)
    programs = [
        name for name in names if not name.rpartition(".")[2].startswith(("test_", "conft"))
    ]
    if page in MAKES_WHAT_IT_NEEDS:
        run(tmp_path, "-m", MAKES_WHAT_IT_NEEDS[page])
    run(tmp_path, "-c", _IMPORT + _TEST if has_tests else _IMPORT, *programs)


def run(folder: Path, *command: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OF_THE_CHECKOUT])
def test_every_part_is_of_a_program_that_is_shown_as_a_whole(page: str) -> None:
    """So nobody has to guess an import, or where a name comes from."""
    parts = set(re.findall(r'^```python\n--8<-- "([^:"]+\.py)', source(page), re.MULTILINE))
    whole = re.findall(r'^ *```python title=.*\n *--8<-- "([^:"]+)', source(page), re.MULTILINE)
    assert parts - set(whole) == set()
