"""In which row of its lane a node stands: below everything in the lane that it needs."""

from collections.abc import Iterator

from lifescope.render._records import Drawing

__all__ = ["levels"]


def levels(drawing: Drawing) -> dict[str, int]:
    """Id to row, from 0 at the top. In a circle, somebody has to stand too high.

    One iterative walk: every node and every need is looked at once.
    """
    found: dict[str, int] = {}
    entered: set[str] = set()
    for start in drawing.nodes:
        stack = [] if start in entered else [(start, _in_lane(drawing, start))]
        entered.add(start)
        while stack:
            ident, rest = stack[-1]
            below = next((each for each in rest if each not in entered), None)
            if below is not None:
                entered.add(below)
                stack.append((below, _in_lane(drawing, below)))
                continue
            stack.pop()
            known = [found[each] for each in _in_lane(drawing, ident) if each in found]
            found[ident] = max(known, default=-1) + 1
    return found


def _in_lane(drawing: Drawing, ident: str) -> Iterator[str]:
    """What *ident* needs in its own lane."""
    lane = drawing.nodes[ident].lane
    for need in drawing.needs[ident]:
        if need.target is not None and drawing.nodes[need.target].lane == lane:
            yield need.target
