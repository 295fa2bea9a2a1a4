"""The test of the page "Check in CI", and what else it says."""

from pathlib import Path

# --8<-- [start:test]
from notes.app import app

# --8<-- [end:test]
from recipes.checking import write_drawing


# --8<-- [start:test]
def test_wiring() -> None:
    app.check()  # raises everything that would refuse the start


# --8<-- [end:test]


# --8<-- [start:strict]
def test_nothing_is_left_over() -> None:
    app.check(strict=True)  # and what nothing asks for


# --8<-- [end:strict]


def test_drawing_has_the_routes(tmp_path: Path) -> None:
    file = tmp_path / "notes.mmd"
    write_drawing(file)
    assert "create_note()" in file.read_text(encoding="utf-8")
