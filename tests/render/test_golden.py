"""K07, K12: every drawing is the same text in every run, and has no value in it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifescope import Container, Lazy, provider, render
from render import golden, graphs
from render.drawings import ENDINGS, all_drawings

ROOT = Path(__file__).parents[2]
NAMES = [
    f"{graph}.{ending}"
    for graph in ("notes", "every_edge", "failed", "overridden")
    for ending in ENDINGS.values()
]


@pytest.fixture(scope="module")
def drawings() -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield all_drawings()


@pytest.mark.parametrize("name", NAMES)
def test_drawing_is_the_golden_one(name: str, drawings: dict[str, str]) -> None:
    """K07: The text of each drawing is exactly the one that somebody has looked at."""
    golden.check(name, drawings[name])


def test_every_drawing_has_a_golden_file(drawings: dict[str, str]) -> None:
    """No golden file is left over, and none is missing."""
    assert (
        sorted(path.name for path in golden.FOLDER.iterdir()) == sorted(drawings) == sorted(NAMES)
    )


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_other_process_draws_the_same(seed: str, drawings: dict[str, str], tmp_path: Path) -> None:
    """K07: Neither the hash seed nor addresses of objects decide anything."""
    program, written = Path(__file__).with_name("drawings.py"), tmp_path / "drawings.json"
    folders = [str(ROOT / "tests"), str(ROOT / "examples"), *sys.path]
    subprocess.run(
        [sys.executable, program, written],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(folders)},
        check=True,
        timeout=60,
    )
    assert json.loads(written.read_text()) == drawings


def test_use_of_a_container_changes_no_drawing() -> None:
    """K07: What has been asked for since, and which overrides there were, leaves no trace."""

    class Index:
        pass

    @provider(scope="app")
    def index() -> Index:
        return Index()

    async def use() -> None:
        async with container.open() as app:
            await app.get(list[Index])
            await (await app.get(Lazy[Index]))
            await app.call(later)

    def later(index: Lazy[Index], none: list[int]) -> None:
        pass

    container = Container(index)
    before = [render.draw(container.graph, each) for each in render.FORMATS]
    with container.override(Index, Index()):
        asyncio.run(use())
        overridden = [render.draw(container.graph, each) for each in render.FORMATS]
    asyncio.run(use())
    assert [render.draw(container.graph, each) for each in render.FORMATS] == before
    assert all(a != b for a, b in zip(before, overridden, strict=True))


def test_no_value_is_in_a_drawing(drawings: dict[str, str]) -> None:
    """K12: Values, defaults and replacements are drawn by their keys alone."""
    assert [name for name, text in drawings.items() if graphs.SECRET in text] == []
    assert "Secret" in drawings["every_edge.json"]


def test_no_path_of_this_machine_is_in_a_drawing(
    drawings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K07: Places are relative, also where the working directory is another one."""
    monkeypatch.chdir(tmp_path)
    elsewhere = all_drawings()
    for name, text in [*drawings.items(), *elsewhere.items()]:
        assert str(ROOT) not in text, name
        assert str(Path.home()) not in text, name
        assert not re.search(r"\b0x[0-9a-f]{6,}", text), name
    assert " notes/providers.py:" in elsewhere["notes.txt"]
    assert " examples/notes/providers.py:" in drawings["notes.txt"]


def test_place_in_an_installed_package() -> None:
    """K07: A provider of another package is at home there, wherever that is installed."""
    import anyio

    graph = Container(provider(anyio.current_time, scope="transient")).graph
    [found] = json.loads(render.json(graph))["providers"]
    assert re.fullmatch(r"anyio/_core/_eventloop\.py:\d+", found["place"])


def test_unknown_format() -> None:
    """The error says which formats there are."""
    graph = Container().graph
    with pytest.raises(ValueError, match="tree, mermaid, dot, json, html"):
        render.draw(graph, "svg")


@pytest.mark.parametrize("format", render.FORMATS)
def test_empty_graph(format: Any) -> None:
    """A container without providers can be drawn."""
    assert render.draw(Container().graph, format).endswith("\n")
