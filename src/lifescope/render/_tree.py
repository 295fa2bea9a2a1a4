"""A drawing as text: what is needed stands below what needs it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lifescope import _text
from lifescope.render._records import Drawing, Need, Node, State

__all__ = ["write"]

_DEEPEST = 24
"""Deeper than this, a branch goes on in a tree of its own: chains may be thousands long."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line: what is asked for, with its branch before it, and what it is."""

    asked: str
    scope: str = ""
    name: str = ""
    rest: str = ""


def write(drawing: Drawing) -> str:
    """A tree for each entry point, and for each provider that nobody needs."""
    rows = list(_Trees(drawing).rows())
    asked = max((len(row.asked) for row in rows), default=0)
    scope = max((len(row.scope) for row in rows), default=0)
    name = max((len(row.name) for row in rows), default=0)
    lines = [
        f"{row.asked:<{asked}}  {row.scope:<{scope}}  {row.name:<{name}}  {row.rest}".rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


class _Trees:
    """Draws every node's needs once; where it comes again, it says so."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._shown: set[str] = set()
        self._put_off: deque[str] = deque()

    def rows(self) -> Iterator[_Row]:
        # Nodes in a circle may hang from no root.
        for root in [*self._drawing.roots, *self._drawing.nodes]:
            self._put_off.append(root)
            while self._put_off:
                top = self._put_off.popleft()
                if top not in self._shown:
                    yield from self._tree(top)

    def _tree(self, root: str) -> Iterator[_Row]:
        node = self._drawing.nodes[root]
        yield _row(node.title, node)
        stack = [("", iter(self._open(root)))]
        while stack:
            indent, rest = stack[-1]
            pair = next(rest, None)
            if pair is None:
                stack.pop()
                continue
            need, is_last = pair
            yield self._row(indent + _text.branch(is_last=is_last), need, len(stack))
            if need.target is not None and self._goes_on(need.target, len(stack)):
                below = indent + _text.below(is_last=is_last)
                stack.append((below, iter(self._open(need.target))))

    def _open(self, ident: str) -> list[tuple[Need, bool]]:
        self._shown.add(ident)
        needs = self._drawing.needs[ident]
        return [(need, number == len(needs)) for number, need in enumerate(needs, 1)]

    def _goes_on(self, ident: str, depth: int) -> bool:
        if ident in self._shown:
            return False
        if depth >= _DEEPEST and self._drawing.needs[ident]:
            self._put_off.append(ident)
            return False
        return True

    def _row(self, branch: str, need: Need, depth: int) -> _Row:
        parameter = "" if need.relation == "item" else f"{need.parameter}: "
        asked = f"{branch}{parameter}{need.key}"
        if need.target is None:
            return _Row(asked, "not provided", _FALLBACKS[need.otherwise])
        node = self._drawing.nodes[need.target]
        if not self._drawing.needs[node.id]:
            return _row(asked, node)
        if node.id in self._shown:
            return _row(asked, node, "see above")
        return _row(asked, node, "see below" if depth >= _DEEPEST else "")


_FALLBACKS = {"default": "keeps its default", "None": "is None"}


def _row(asked: str, node: Node, elsewhere: str = "") -> _Row:
    """The line of *node*; with no more than its name, if the rest stands elsewhere."""
    parts = [elsewhere] if elsewhere else [node.place, ", ".join(node.marks)]
    if node.state is not State.FINE:
        parts.append(": ".join([node.state.value, *node.problems]))
    return _Row(asked, node.lane, node.by, "  ".join(part for part in parts if part))
