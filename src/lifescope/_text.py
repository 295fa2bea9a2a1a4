"""How reports, chains, lists and trees are laid out: the only home of glyphs and colours.

Pure functions on records. What they give is at most 80 columns wide, unless a name or the path
of a file is.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lifescope._model.provider import Link, Provider
from lifescope._model.scopes import TRANSIENT

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
    "near",
    "numbered",
    "numbers",
    "wrap",
    "write",
]

ROUTE = "route"
"""Stands in a chain where others have their scope."""

WIDTH = 80
"""Columns."""

_MOST_STEPS = 7
"""Of a chain that is longer, the middle is left out."""

_LONGEST = 44
"""Longer steps show only the parameter that counts."""


class Style(NamedTuple):
    """What words look like: the role of a word to the numbers of an ANSI escape sequence."""

    codes: Mapping[str, str] = MappingProxyType({})

    def paint(self, role: str, text: str) -> str:
        """*text* in the colour of its *role*; it keeps its width."""
        code = self.codes.get(role)
        return f"\033[{code}m{text}\033[0m" if code and text else text


PLAIN = Style()
COLOUR = Style(
    {"code": "1;31", "title": "1", "caret": "1;31", "place": "36", "fix": "32", "faint": "2"}
)


class Report(NamedTuple):
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


def brief(report: Report, code: str, style: Style = PLAIN, width: int = WIDTH) -> str:
    """What is wrong, and where; nothing else."""
    asking = [link for link in report.chain if link.parameter in link.signature] or report.chain
    where = chain(asking[-1:], report.caret, style, width)
    where = where or "".join(_bullets(*each, width) for each in report.lists[:1])
    title = _title(report.title, code, style, width)
    return f"{title}\n{where}" if where else title


def write(report: Report, code: str = "", style: Style = PLAIN, width: int = WIDTH) -> str:
    """The text of a report; *code* stands before its title."""
    return join(
        _title(report.title, code, style, width),
        chain(report.chain, report.caret, style, width),
        *(_bullets(title, items, width) for title, items in report.lists),
        _fixes(report.fixes, style, width),
    )


def numbers(count: int) -> int:
    """How many columns the numbers of so many texts take."""
    return len(str(count)) + 2


def numbered(texts: Sequence[str]) -> str:
    """Several texts in one, each behind its number."""
    width = numbers(len(texts))
    return "\n\n".join(
        f"{number}.".ljust(width) + textwrap.indent(text, " " * width).lstrip()
        for number, text in enumerate(texts, 1)
    )


def join(*blocks: str) -> str:
    """Blocks of text with one empty line between them; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block)


def wrap(text: str, first: str = "", later: str | None = None, width: int = WIDTH) -> str:
    """*text* in lines that are not too long; *first* stands before it, *later* before the rest.

    Its own line breaks stay.
    """
    later = " " * len(first) if later is None else later
    lines: list[str] = []
    for line in text.split("\n"):
        lines += textwrap.wrap(
            line,
            width - 1,
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


def near(name: str, known: Sequence[str]) -> str | None:
    """The one of *known* that is spelled like *name*, if there is one."""
    import difflib  # only where something is wrong already

    lowered = {other.lower(): other for other in known}
    begun = [o for o in lowered if o.startswith(name.lower()) or name.lower().startswith(o)]
    found = begun or difflib.get_close_matches(name.lower(), lowered, 1, 0.6)
    return lowered[found[0]] if found and name else None


def branch(*, is_last: bool) -> str:
    """What stands before an item of a tree; *is_last* if no other follows it there."""
    return "└─ " if is_last else "├─ "


def below(*, is_last: bool) -> str:
    """What stands before whatever is below such an item."""
    return "   " if is_last else "│  "


# --- the parts of a report ------------------------------------------------------------------


def _title(title: str, code: str, style: Style, width: int) -> str:
    before = f"[{code}] " if code else ""
    lines = wrap(title, before, "", width).split("\n")
    lines[0] = lines[0].removeprefix(before)
    painted = "\n".join(style.paint("title", line) for line in lines)
    return style.paint("code", before.rstrip()) + before[len(before.rstrip()) :] + painted


def _bullets(title: str, items: Iterable[str], width: int) -> str:
    lines = [wrap(item, "    - ", width=width) for item in items]
    return "\n".join([f"  {title}", *lines]) if lines else ""


def _fixes(fixes: Sequence[str], style: Style, width: int) -> str:
    first, other = "  Fix: ", "   or: "
    lines: list[str] = []
    for fix in fixes:
        before = other if lines else first
        lines.append(style.paint("fix", before) + wrap(fix, before, width=width)[len(before) :])
    return "\n".join(lines)


class _Row(NamedTuple):
    """A step of a chain: what stands there, where the parameter is in it, and the rest.

    A list or a handle asks for something, but nobody has written its parameters.
    """

    text: str
    scope: str = ""
    place: str = ""
    start: int = 0
    width: int = 0
    is_written: bool = False


def chain(links: Sequence[Link], caret: str = "", style: Style = PLAIN, width: int = WIDTH) -> str:
    """A line for each step; under the last parameter that somebody has written, *caret*.

    The places stand behind the steps, or where that is too wide, below them.
    """
    if not links:
        return ""
    rows, left_out = _rows(links)
    texts, scopes, places = (
        max(len(each) for each in column)
        for column in zip(*((row.text, row.scope, row.place) for row in rows), strict=True)
    )
    is_wide = texts + (scopes and scopes + 2) + places + 2 >= width
    asking = max(range(len(rows)), key=lambda n: (rows[n].width > 0, rows[n].is_written, n))
    is_marked = bool(caret and rows[asking].width)
    lines: list[str] = []
    for number, row in enumerate(rows):
        columns = [(row.text, texts, ""), (row.scope, scopes, "faint")]
        if not is_wide:
            columns.append((row.place, len(row.place), "place"))
        lines.append(_columns(columns, style))
        if number == asking and is_marked:
            lines += _caret(row, caret, style, width)
        if is_wide and row.place:
            lines.append(f"       {style.paint('place', row.place)}")
        if number == _MOST_STEPS // 2 - 1 and left_out:
            lines.append(f"  ... {left_out:,} more ...")
    return "\n".join(lines)


def _columns(columns: Sequence[tuple[str, int, str]], style: Style) -> str:
    """Texts side by side, each in its width and the colour of its role; none for no width."""
    line, blank = "", ""
    for text, width, role in columns:
        if text:
            line += blank + style.paint(role, text)
            blank = ""
        blank += " " * (width - len(text) + 2 if width else 0)
    return line


def _caret(row: _Row, caret: str, style: Style, width: int) -> list[str]:
    """Marks below the parameter, and what is said of it beside them, or where is more room."""
    end = row.start + row.width
    marks = " " * row.start + style.paint("caret", "^" * row.width)
    beside, below = width - end - 2, width - 8
    if len(caret) <= beside or beside >= below // 2:
        said = wrap(caret, " " * (end + 1), width=width)
        return [marks + said[end:]]
    return [marks, wrap(caret, " " * 7, width=width)]


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
    place = str(link.place) if link.place else ""
    scope = "" if link.scope == TRANSIENT and not place else link.scope  # of a list, or a handle
    width = len(link.parameter) if start else len(link.name) if link.parameter else 0
    return _Row(before + signature, scope, place, len(before) + start, width, start > 0)


def _signature(link: Link) -> tuple[str, int]:
    """`open_session(settings, database)`, and where the parameter stands in it; else 0."""
    name = link.name.removesuffix("()")
    if link.parameter not in link.signature:
        return link.name, 0
    shown = link.signature
    position = shown.index(link.parameter)
    if len(f"{name}({', '.join(shown)})") > _LONGEST:
        rest = ["..."] if position + 1 < len(shown) else []
        shown = (*(["..."] if position else []), link.parameter, *rest)
    before = f"{name}({', '.join((*shown[: shown.index(link.parameter)], ''))}"
    return f"{name}({', '.join(shown)})", len(before)
