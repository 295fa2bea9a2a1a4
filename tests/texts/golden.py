"""Files with the exact text of an error."""

import re
from pathlib import Path

from render import golden
from texts.programs import in_root, raised

__all__ = ["FOLDER", "check", "plain", "steady"]

FOLDER = Path(__file__).parents[1] / "golden" / "texts"


def plain(name: str) -> str:
    """What the program *name* prints."""
    with in_root():
        return steady(raised(name).describe())


def steady(text: str) -> str:
    """*text* without the milliseconds that it happened to take."""
    return re.sub(r"\b\d+ ms\b", "7 ms", text)


def check(name: str, text: str) -> None:
    """Compare *text* with the golden file *name*."""
    golden.check(name, f"{text}\n", FOLDER)
