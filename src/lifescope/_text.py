"""Chains, columns and bullets: the only home of glyphs. Pure functions on records."""

import textwrap
from collections.abc import Iterable, Sequence

from lifescope._model.names import Place
from lifescope._model.provider import Link, Provider

__all__ = ["ROUTE", "below", "branch", "bullets", "chain", "join", "keys", "numbered"]

ROUTE = "route"
"""Stands in a chain where others have their scope."""


def chain(links: Sequence[Link], end: str = "") -> str:
    """The way from an entry point inwards, one line each, columns aligned.

    *end* is a last line without a place of its own ("Database, not provided").
    """
    rows = [
        (link.scope, _branch(depth, link.name), _asked(link)) for depth, link in enumerate(links)
    ]
    if end:
        rows.append(("", _branch(len(links), end), ""))
    scope_width = max((len(scope) for scope, _, _ in rows), default=0)
    name_width = max((len(name) for _, name, asked in rows if asked), default=0)
    lines = [
        f"  {scope:<{scope_width}}  {name:<{name_width}}  {asked}" for scope, name, asked in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def bullets(title: str, items: Iterable[str]) -> str:
    """A titled list, or nothing where there are no items."""
    lines = [f"    - {item}" for item in items]
    return "\n".join([f"  {title}", *lines]) if lines else ""


def join(*blocks: str) -> str:
    """Blocks of text with one empty line between them; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block)


def numbered(texts: Sequence[str]) -> str:
    """Several texts in one, each behind its number."""
    width = len(str(len(texts))) + 2
    return "\n\n".join(
        f"{number}.".ljust(width) + textwrap.indent(text, " " * width).lstrip()
        for number, text in enumerate(texts, 1)
    )


def _branch(depth: int, name: str) -> str:
    return name if depth == 0 else "   " * (depth - 1) + "└─ " + name


def _asked(link: Link) -> str:
    if link.scope == ROUTE:
        return ""
    place = _place(link.place)
    return f'{place}, parameter "{link.parameter}"' if link.parameter else place


def _place(place: Place | None) -> str:
    return str(place) if place else "(no source)"


def keys(provider: Provider) -> str:
    """What *provider* offers; a contribution offers a part of a list."""
    spelled = ", ".join(map(str, provider.keys))
    return f"list[{spelled}]" if provider.many else spelled


def branch(*, is_last: bool) -> str:
    """What stands before an item of a tree; *is_last* if no other follows it there."""
    return "└─ " if is_last else "├─ "


def below(*, is_last: bool) -> str:
    """What stands before whatever is below such an item."""
    return "   " if is_last else "│  "
