"""The README shows the program and the test as they are here, and within its own limits."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"


def shown_in_readme() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def lines_of(nodes: list[ast.stmt], source: str) -> list[str]:
    """The lines of *nodes*, decorators included, blank ones left out."""
    spans = [(min([node.lineno, *decorated(node)]), node.end_lineno or 0) for node in nodes]
    lines = source.splitlines()
    return [line for start, end in spans for line in lines[start - 1 : end] if line.strip()]


def decorated(node: ast.stmt) -> list[int]:
    return [decorator.lineno for decorator in getattr(node, "decorator_list", [])]


@pytest.mark.parametrize(("position", "name"), [(0, "orders.py"), (1, "test_orders.py")])
def test_the_readme_shows_the_file(position: int, name: str) -> None:
    """The code blocks of the README are the files of this folder, in full."""
    assert shown_in_readme()[position] == (HERE / name).read_text()


def test_the_readme_shows_nothing_else() -> None:
    """Every Python block of the README is compared with a file above."""
    assert len(shown_in_readme()) == 2


def test_the_program_is_small() -> None:
    """The application takes at most 20 lines, not counting imports and blank lines."""
    source = (HERE / "orders.py").read_text()
    nodes = [n for n in ast.parse(source).body if not isinstance(n, ast.Import | ast.ImportFrom)]
    assert len(lines_of(nodes, source)) <= 20


def test_the_test_is_small() -> None:
    """The test takes at most 4 lines, not counting imports and the fake engine."""
    source = (HERE / "test_orders.py").read_text()
    nodes = [n for n in ast.parse(source).body if getattr(n, "name", "").startswith("test_")]
    assert 0 < len(lines_of(nodes, source)) <= 4
