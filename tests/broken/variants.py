"""Mistakes that people make, one in each variant of an example.

Each is a small change of one or two files. Whoever reads only the message, and does what its
first way out says, has the change that stands behind `mend`: it is made too, and the check then
passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["VARIANTS", "Edit", "Variant"]


@dataclass(frozen=True)
class Edit:
    """A text of a file, and what stands there instead.

    Attributes:
        at: A part of the new text, in the line that is to be changed; its first line, if none.
    """

    file: str
    old: str
    new: str
    at: str = ""


@dataclass(frozen=True)
class Variant:
    """What is wrong, in words and as edits, and what the first ways out would do."""

    about: str
    wrong: tuple[Edit, ...]
    mend: tuple[Edit, ...]
    codes: tuple[str, ...]
    app: str = "shop.app:app"
    land: tuple[Edit, ...] = field(default=())
