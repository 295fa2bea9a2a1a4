"""C01 to C12, K01: what `lifescope check` says of mistakes that people make.

To write the texts anew: REWRITE_GOLDEN=1 pytest tests/broken, and look at the difference.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from broken.conftest import Examples, environment
from broken.variants import VARIANTS
from render import golden

FOLDER = Path(__file__).parents[1] / "golden" / "broken"

pytestmark = pytest.mark.xdist_group("broken")


@pytest.mark.parametrize("name", VARIANTS)
def test_text_is_the_golden_one(name: str, examples: Examples) -> None:
    """It ends with the exit code of a problem, and shows no traceback."""
    code, out, err = examples.wrong(name)
    assert (code, err) == (1, "")
    assert "Traceback" not in out
    assert max(map(len, out.splitlines())) <= 80
    golden.check(f"{name}.txt", out, FOLDER)


@pytest.mark.parametrize("name", VARIANTS)
def test_text_names_the_line_to_change(name: str, examples: Examples) -> None:
    """Or the first line of the function, or of the class, that the line is in."""
    out = examples.wrong(name).out
    for file, text in VARIANTS[name].lines_to_change():
        place = f"{file}:{line_of(examples.folder('wrong', name) / file, text)}"
        assert re.search(rf"(?<![/\w]){re.escape(place)}\b", out), place


@pytest.mark.parametrize("name", VARIANTS)
def test_first_way_out_works(name: str, examples: Examples) -> None:
    """Whoever does what the text says first has a program that passes."""
    code, out, err = examples.mended(name)
    assert (code, err) == (0, ""), out + err
    assert re.search(r"^ok: ", out, re.MULTILINE)


def line_of(path: Path, text: str) -> int:
    """The line that *text* begins in, or the first one of the innermost definition around it."""
    source = path.read_text(encoding="utf-8")
    assert source.count(text) == 1, f"{text!r} stands {source.count(text)} times there"
    line = source[: source.index(text)].count("\n") + 1
    return max(
        (
            first_line(node)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and first_line(node) <= line <= (node.end_lineno or 0)
        ),
        default=line,
    )


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Of the first decorator, if there is one."""
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def test_every_variant_has_a_text() -> None:
    """There are 25 at least, and no golden file is left over."""
    assert len(VARIANTS) >= 25
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(VARIANTS)


def test_examples_as_they_are_pass(examples: Examples) -> None:
    """What is wrong with a variant is what was changed in it."""
    for app in {variant.app for variant in VARIANTS.values()}:
        assert examples.check(examples.originals, app).code == 0


def test_command_says_the_same(examples: Examples) -> None:
    """A process that somebody starts says what the forks say."""
    name = "five_at_once"
    done = subprocess.run(
        [sys.executable, "-m", "lifescope", "check", VARIANTS[name].app],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=examples.folder("wrong", name),
        check=False,
        timeout=55,
    )
    assert (done.returncode, done.stdout, done.stderr) == examples.wrong(name)
