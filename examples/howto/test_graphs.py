"""The drawings on the pages of the applications show the applications as they are."""

import os
import re
from pathlib import Path

import pytest

from howto import graphs
from howto.graphs import APPS, FOLDER, ROOT


@pytest.mark.parametrize("name", APPS)
def test_drawing_is_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """K07: to draw them anew, REWRITE_GOLDEN=1 pytest examples/howto, from any folder."""
    monkeypatch.chdir(ROOT)
    drawn, file = graphs.draw(name), FOLDER / f"{name}.html"
    if os.environ.get("REWRITE_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")
    same = file.read_text(encoding="utf-8") == drawn  # the difference can be a page long
    assert same, f"REWRITE_GOLDEN=1 pytest {Path(__file__).name} draws {file.name} anew"


@pytest.mark.parametrize("name", APPS)
def test_page_shows_its_drawing(name: str) -> None:
    page = (ROOT / "docs" / "how-to" / f"run-{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"assets/graphs/(\w+)\.html", page) == [name, name]  # here, and alone


def test_no_drawing_is_left_over() -> None:
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(APPS)
