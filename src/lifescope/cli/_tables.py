"""How the commands lay out what they say: headings, columns and numbered lists."""

from collections.abc import Iterable, Sequence

from lifescope._model.keys import Key
from lifescope._model.provider import Kind, Provider
from lifescope._model.scopes import TRANSIENT
from lifescope.render._names import spell_place

__all__ = ["block", "columns", "how", "how_in_short", "made_by", "numbered", "where"]

Row = Sequence[str]


def columns(rows: Iterable[Row], indent: str = "  ") -> list[str]:
    """Lines in which the cells of each column stand below each other."""
    cells = [list(row) for row in rows]
    count = max(map(len, cells), default=0)
    filled = [row + [""] * (count - len(row)) for row in cells]
    widths = [max(len(row[number]) for row in filled) for number in range(count)]
    return [
        (indent + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True))).rstrip()
        for row in filled
    ]


def block(title: str, lines: Iterable[str]) -> str:
    """A heading and what is below it; nothing if there is nothing."""
    below = list(lines)
    return "\n".join([title, *below]) if below else ""


def numbered(rows: Iterable[Row], start: int = 1) -> list[str]:
    """Columns, with the number of its row first in each."""
    every = list(rows)
    width = len(str(start + len(every) - 1))
    return columns([f"{number:>{width}}.", *row] for number, row in enumerate(every, start))


def made_by(provider: Provider, key: Key | None = None) -> Row:
    """Scope, key, and who makes it: the cells of one row."""
    by = provider.kind.value if _is_unwritten(provider) else provider.name
    return provider.scope, str(key or provider.key), by


def where(provider: Provider) -> str:
    """Who provides it, and where that is written."""
    by = provider.kind.value if _is_unwritten(provider) else provider.name
    return f"{by}  {spell_place(provider.place)}".rstrip()


def how(provider: Provider, widest: str) -> str:
    """How it is driven, and where that happens."""
    driven = _driven(provider)
    if provider.thread:
        return f"{driven}, in worker threads"
    if _is_unwritten(provider) or provider.kind is Kind.CALL or provider.scope == TRANSIENT:
        return driven
    if provider.scope == widest or provider.start_timeout is not None:
        return f"{driven}, in a task of its own"
    return f"{driven}, in the task that opens the scope"


def how_in_short(provider: Provider) -> str:
    """How it is driven, in a few words."""
    return f"{_driven(provider)}{', in threads' if provider.thread else ''}"


_IN_THREADS = {
    Kind.AWAIT: Kind.CALL,
    Kind.ASYNC_GENERATOR: Kind.GENERATOR,
    Kind.ASYNC_MANAGER: Kind.MANAGER,
}
"""What the user has written, where that is run in threads and awaited meanwhile."""


def _driven(provider: Provider) -> str:
    kind = provider.kind
    return str((_IN_THREADS.get(kind, kind) if provider.thread else kind).value)


def _is_unwritten(provider: Provider) -> bool:
    return provider.kind in (Kind.SUPPLIED, Kind.VALUE) or provider.kind.is_derived
