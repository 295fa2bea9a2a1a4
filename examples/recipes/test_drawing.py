"""The drawings of the page "Draw the graph"."""

from pathlib import Path

import pytest

from lifescope import MissingProviderError
from recipes.checking import write_drawing
from recipes.drawing import build, write_page
from recipes.many import BankRates, CachedRates, Report, Repository


def test_page(tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    write_page(file)
    assert "CachedRates" in file.read_text(encoding="utf-8")


def test_failed_graph_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(BankRates, CachedRates, Repository, Report)
    assert not Path("graph.html").exists()
    with pytest.raises(MissingProviderError):
        build(Repository, Report)
    assert "A graph that has failed" in Path("graph.html").read_text(encoding="utf-8")


def test_drawing_with_the_routes(tmp_path: Path) -> None:
    file = tmp_path / "notes.mmd"
    write_drawing(file)
    assert "create_note()" in file.read_text(encoding="utf-8")
