"""The drawing of the page "Draw the graph" that is committed."""

from pathlib import Path

import pytest

# --8<-- [start:ci]
from lifescope import render
from recipes.drawing import DRAWN
from recipes.many import container


def test_drawing_is_up_to_date() -> None:
    assert DRAWN.read_text(encoding="utf-8") == render.mermaid(container.graph)


# --8<-- [end:ci]


@pytest.fixture(autouse=True)
def in_the_folder_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
