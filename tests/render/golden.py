"""Files with the exact text of a drawing, or of an error.

To write them anew: REWRITE_GOLDEN=1 pytest tests/render, and look at the difference.
"""

import os
from pathlib import Path

__all__ = ["check"]

FOLDER = Path(__file__).parents[1] / "golden" / "render"


def check(name: str, text: str, folder: Path = FOLDER) -> None:
    """Compare *text* with the golden file *name*; or write it, if the environment says so."""
    path = folder / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} is not there: REWRITE_GOLDEN=1 pytest writes it"
    same = path.read_text(encoding="utf-8") == text  # the difference can be a page long
    if not same:
        expected = path.read_text(encoding="utf-8").splitlines()
        assert text.splitlines() == expected, "REWRITE_GOLDEN=1 pytest, if it is right"
    assert same, "they differ in the ends of lines"
