"""A drawing as a page for the browser: one file, which loads nothing from anywhere."""

import base64
import hashlib
import html
import json
import string
from collections.abc import Iterable, Iterator
from importlib import resources

from lifescope.render._json import as_data
from lifescope.render._levels import levels
from lifescope.render._records import Drawing, Kind, Lane, Node, State

__all__ = ["write"]


def write(drawing: Drawing) -> str:
    """The text of the page.

    Only what is in this package runs in it: the policy allows the style and the script by
    their hashes, and forbids everything else.
    """
    style, script = _part("page.css"), _part("page.js")
    return string.Template(_part("page.html")).substitute(
        title=html.escape("A graph that has failed" if drawing.has_failed else "Graph"),
        summary=html.escape(_summary(drawing)),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        lanes="\n".join(_lanes(drawing)),
        data=_in_script(json.dumps(as_data(drawing), ensure_ascii=False, separators=(",", ":"))),
    )


def _part(name: str) -> str:
    return resources.files("lifescope.render").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _in_script(text: str) -> str:
    """JSON that no HTML parser takes for the end of its element, or for a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _summary(drawing: Drawing) -> str:
    if drawing.has_failed:
        return "Red is the cause, orange is affected. What is fine is left out."
    providers = _count([n for n in drawing.nodes.values() if n.kind is Kind.PROVIDER], "provider")
    return f"{providers} in {_count([lane for lane in drawing.lanes if lane.is_scope], 'scope')}"


def _count(things: list[Node] | list[Lane], name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"


def _lanes(drawing: Drawing) -> Iterator[str]:
    level_of = levels(drawing)
    shown = (lane for lane in drawing.lanes if lane.nodes or not drawing.has_failed)
    for number, lane in enumerate(shown):
        yield f'<section class="lane" aria-labelledby="lane-{number}">'
        kind = " <small>scope</small>" if lane.is_scope else ""
        yield f'<h2 id="lane-{number}">{html.escape(lane.name)}{kind}</h2>'
        yield from _rows(drawing, lane, level_of)
        yield "</section>"


def _rows(drawing: Drawing, lane: Lane, level_of: dict[str, int]) -> Iterator[str]:
    if not lane.nodes:
        yield '<p class="empty">Nothing lives in it.</p>'
    rows: dict[int, list[str]] = {}
    for ident in lane.nodes:
        rows.setdefault(level_of[ident], []).append(ident)
    for level in sorted(rows):
        yield '<div class="row">'
        yield from (_box(drawing.nodes[ident]) for ident in rows[level])
        yield "</div>"


def _box(node: Node) -> str:
    classes = ["node"]
    if node.state is not State.FINE:
        classes.append(node.state.value)
    spans = "".join(
        f'<span class="{name}">{html.escape(text)}</span>' for name, text in _texts(node) if text
    )
    return (
        f'<button type="button" class="{" ".join(classes)}" data-id="{html.escape(node.id)}" '
        f'aria-pressed="false">{spans}</button>'
    )


def _texts(node: Node) -> Iterable[tuple[str, str]]:
    return [
        ("title", node.title),
        ("name", node.by),
        ("marks", ", ".join(node.marks)),
        ("state", ": ".join([node.state.value, *node.problems]) if node.problems else ""),
    ]
