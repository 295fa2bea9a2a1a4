"""All programs, by the names of their golden files."""

from texts import apps, asking, living, missing, wiring, written
from texts.programs import PROGRAMS

__all__ = ["NAMES", "OF_GRAPHS"]

NAMES = sorted(PROGRAMS)

OF_GRAPHS = sorted(
    name
    for name, program in PROGRAMS.items()
    if program.__module__ in {module.__name__ for module in (missing, wiring, written)}
)
"""What a terminal shows in colour: mistakes that are found when a container is built."""

_OTHERS = (apps, asking, living)  # imported, so that their programs are there
