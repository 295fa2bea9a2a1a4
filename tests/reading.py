"""How tests read the texts of errors: as people do, whatever the width of the lines."""

import re
from itertools import pairwise

__all__ = ["pointed_at", "said"]


def said(error: BaseException) -> str:
    """The text in one line: where it is wrapped makes no difference."""
    return " ".join(str(error).split())


def pointed_at(error: BaseException) -> list[str]:
    """The words that have marks below them, such as the parameter for which nothing is there."""
    return [
        line[marks.start(1) : marks.end(1)]
        for line, below in pairwise(str(error).splitlines())
        if (marks := re.match(r" *(\^+)(?: |$)", below))
    ]
