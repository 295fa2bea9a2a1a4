"""How reports, chains, lists and trees are laid out: the only home of glyphs and colours.

Pure functions on records. What they give is at most 80 columns wide, unless a name or the path
of a file is.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lifescope._model.provider import Link, Provider

__all__ = [
    "COLOUR",
    "PLAIN",
    "ROUTE",
    "WIDTH",
    "Report",
    "Style",
    "below",
    "branch",
    "brief",
    "chain",
    "join",
    "keys",
    "numbered",
    "wrap",
    "write",
]

ROUTE = "route"
"""Stands in a chain where others have their scope."""

WIDTH = 80
"""Columns."""

_MOST_STEPS = 9
"""Of a chain that is longer, the middle is left out."""

_LONGEST = 36
"""A signature with longer parameters shows only the one that counts."""


@dataclass(frozen=True, slots=True)
class Style:
    """What words look like: the role of a word to the numbers of an ANSI escape sequence."""

    codes: Mapping[str, str] = field(default_factory=dict[str, str])

    def paint(self, role: str, text: str) -> str:
        """*text* in the colour of its *role*; it keeps its width."""
        code = self.codes.get(role)
        return f"\033[{code}m{text}\033[0m" if code and text else text


PLAIN = Style()
COLOUR = Style(
    {"code": "1;31", "title": "1", "caret": "1;31", "place": "36", "fix": "32", "faint": "2"}
)


@dataclass(frozen=True, slots=True)
class Report:
    """What an error has to say, before it is laid out.

    Attributes:
        title: What is wrong, in one sentence.
        chain: Who asked, from the entry point inwards.
        caret: What is said of the chain's last parameter.
        lists: A title and its items; without items, it is left out.
        fixes: What to do; the most likely first.
    """

    title: str
    chain: Sequence[Link] = ()
    caret: str = ""
    lists: Sequence[tuple[str, Sequence[str]]] = ()
    fixes: Sequence[str] = ()


def brief(report: Report, code: str, style: Style = PLAIN) -> str:
    """What is wrong, and where; nothing else."""
    asking = [link for link in report.chain if link.parameter] or report.chain
    where = chain(asking[-1:], report.caret, style)
    lists = [_bullets(title, items) for title, items in report.lists[:1]]
    title = _title(report.title, code, style)
    return "\n".join([title, *([where] if where else lists)])


def write(report: Report, code: str = "", style: Style = PLAIN) -> str:
    """The text of a report; *code* stands before its title."""
    return join(
        _title(report.title, code, style),
        chain(report.chain, report.caret, style),
        *(_bullets(title, items) for title, items in report.lists),
        _fixes(report.fixes, style),
    )


def numbered(texts: Sequence[str]) -> str:
    """Several texts in one, each behind its number."""
    width = len(str(len(texts))) + 2
    return "\n\n".join(
        f"{number}.".ljust(width) + textwrap.indent(text, " " * width).lstrip()
        for number, text in enumerate(texts, 1)
    )


def join(*blocks: str) -> str:
    """Blocks of text with one empty line between them; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block)


def wrap(text: str, first: str = "", later: str | None = None) -> str:
    """*text* in lines that are not too long; *first* stands before it, *later* before the rest.

    Its own line breaks stay.
    """
    later = " " * len(first) if later is None else later
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(
            line,
            WIDTH - 1,
            initial_indent=later if lines else first,
            subsequent_indent=later,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(lines)


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


# --- the parts of a report ------------------------------------------------------------------


def _title(title: str, code: str, style: Style) -> str:
    before = f"[{code}] " if code else ""
    lines = wrap(title, before, "").split("\n")
    lines[0] = lines[0].removeprefix(before)
    painted = "\n".join(style.paint("title", line) for line in lines)
    return style.paint("code", before.rstrip()) + before[len(before.rstrip()) :] + painted


def _bullets(title: str, items: Iterable[str]) -> str:
    lines = [wrap(item, "    - ") for item in items]
    return "\n".join([f"  {title}", *lines]) if lines else ""


def _fixes(fixes: Sequence[str], style: Style) -> str:
    first, other = "  Fix: ", "   or: "
    lines: list[str] = []
    for fix in fixes:
        before = other if lines else first
        lines.append(style.paint("fix", before) + wrap(fix, before)[len(before) :])
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Row:
    """A step of a chain: what stands there, where the parameter is in it, and the rest."""

    text: str
    scope: str = ""
    place: str = ""
    start: int = 0
    width: int = 0


def chain(links: Sequence[Link], caret: str = "", style: Style = PLAIN) -> str:
    """A line for each step; under the parameter of the last one, *caret*.

    The places stand behind the steps, or where that is too wide, below them.
    """
    if not links:
        return ""
    rows, left_out = _rows(links)
    widths = [max(len(row.text) for row in rows), max(len(row.scope) for row in rows)]
    total = sum(widths) + max(len(row.place) for row in rows) + 4
    asking = max((n for n, row in enumerate(rows) if row.width), default=-1)
    lines: list[str] = []
    for number, row in enumerate(rows):
        scope = style.paint("faint", f"{row.scope:<{widths[1]}}") if row.scope else " " * widths[1]
        place = style.paint("place", row.place)
        is_wide = total >= WIDTH
        lines.append(f"{row.text:<{widths[0]}}  {scope}{'' if is_wide else f'  {place}'}".rstrip())
        if number == asking and caret:
            marks = style.paint("caret", "^" * row.width)
            lines.append(wrap(caret, " " * (row.start + row.width + 1)))
            lines[-1] = " " * row.start + marks + lines[-1][row.start + row.width :]
        if is_wide and row.place:
            lines.append(f"       {place}")
        if number == _MOST_STEPS // 2 - 1 and left_out:
            lines.append(f"  ... {left_out:,} more ...")
    return "\n".join(lines)


def _rows(links: Sequence[Link]) -> tuple[list[_Row], int]:
    """The steps that are shown, and how many are not."""
    left_out = max(0, len(links) - _MOST_STEPS + 1)
    half = _MOST_STEPS // 2
    shown = [*links[:half], *links[-half:]] if left_out else links
    return [_row(link, is_first=number == 0) for number, link in enumerate(shown)], left_out


def _row(link: Link, *, is_first: bool) -> _Row:
    before = "  " if is_first else "  └─ "
    if link.scope == ROUTE:
        return _Row(before + link.name)
    signature, start = _signature(link)
    place = str(link.place) if link.place else "(no source)"
    width = len(link.parameter) if start else len(link.name) if link.parameter else 0
    return _Row(before + signature, link.scope, place, len(before) + start, width)


def _signature(link: Link) -> tuple[str, int]:
    """`open_session(settings, database)`, and where the parameter stands in it; else 0."""
    name = link.name.removesuffix("()")
    if link.parameter not in link.signature:
        return link.name, 0
    shown = link.signature
    position = shown.index(link.parameter)
    if len(", ".join(shown)) > _LONGEST:
        rest = ["..."] if position + 1 < len(shown) else []
        shown = (*(["..."] if position else []), link.parameter, *rest)
    before = f"{name}({', '.join((*shown[: shown.index(link.parameter)], ''))}"
    return f"{name}({', '.join(shown)})", len(before)
