"""What the page "Check in CI" shows."""

from pathlib import Path

from lifescope import render
from notes.app import app, container


# --8<-- [start:drawing]
def write_drawing(file: Path) -> None:
    file.write_text(render.mermaid(container.graph, entries=app.entries()), encoding="utf-8")


# --8<-- [end:drawing]
