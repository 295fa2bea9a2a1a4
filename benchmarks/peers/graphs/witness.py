"""What graphs and routes leave behind for the checks: who was made when, what a route got."""

import itertools
from dataclasses import dataclass
from typing import Any

tick = itertools.count(1).__next__
"""Orders all set-ups and releases of a process."""


@dataclass
class Seen:
    """What the last call of a route was given."""

    obj: Any = None
    page: int | None = None


LAST = Seen()


def seen(obj: Any, page: int | None = None) -> None:
    """Routes call this, so that a check can look at what was injected."""
    LAST.obj = obj
    LAST.page = page
