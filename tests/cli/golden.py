"""Files with the exact text of a command.

To write them anew: REWRITE_GOLDEN=1 pytest tests/cli/test_golden.py, and look at the difference.
"""

import os
from pathlib import Path

__all__ = ["FOLDER", "check"]

FOLDER = Path(__file__).parents[1] / "golden" / "cli"


def check(name: str, text: str) -> None:
    """Compare *text* with the golden file *name*; or write it, if the environment says so."""
    path = FOLDER / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.is_file() else ""
    assert text.splitlines() == expected.splitlines(), "REWRITE_GOLDEN=1, if it is right"
    assert text == expected, "they differ in the ends of lines"
