"""Draw what was measured: a bar for the lifespan, and below it a bar for each place."""

from collections.abc import Iterator, Mapping

__all__ = ["draw"]

WIDTH, LEFT, ROW = 860, 250, 30

STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  .lifespan { fill: #00897b }
  .inside { fill: #b2dfdb }
  .outside { fill: #d0d7de }
  .other { fill: #ffe0b2 }
  .on { fill: #ffffff }
  .tie { stroke: #00897b; stroke-width: 2; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #161b22; stroke: #3d444d }
    .lifespan { fill: #4db6ac }
    .inside { fill: #22514b }
    .outside { fill: #3d444d }
    .other { fill: #5f4526 }
    .on { fill: #0d1117 }
    .tie { stroke: #4db6ac }
  }
</style>"""

CLASSES = {"eu-north": "inside", "not set": "outside"}


def draw(measured: Mapping[str, Mapping[str, str]]) -> str:
    """An SVG of the result of `measure`."""
    lines: list[str] = []
    y = 20
    for name, seen in measured.items():
        lines += panel(name, seen, y)
        y += (len(seen) + 2) * ROW + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
        f' height="{y}" role="img" aria-labelledby="title">\n'
        '<title id="title">Who sees a context variable that start-up has set</title>'
    )
    page = f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{y - 1}" rx="8"/>'
    return "\n".join([head, STYLE, page, *lines, "</svg>", ""])


def panel(name: str, seen: Mapping[str, str], top: int) -> Iterator[str]:
    yield text(24, top + 20, f"Started by {name}", "title")
    y = top + ROW + 4
    yield text(24, y + 16, "the start sets")
    yield bar("lifespan", LEFT, y, WIDTH - LEFT - 24)
    yield text(LEFT + 12, y + 16, "region = eu-north", "on")
    for index, (place, value) in enumerate(seen.items()):
        y = top + (index + 2) * ROW + 6
        x = LEFT + 44
        kind = CLASSES.get(value, "other")
        if kind == "inside":
            yield f'<path class="tie" d="M{LEFT + 22} {top + ROW + 26}V{y + 11}H{x}"/>'
        yield text(24, y + 16, place)
        yield bar(kind, x, y, 260)
        yield text(x + 12, y + 16, f"region = {value}" if value != "not set" else value)


def bar(kind: str, x: int, y: int, width: int) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="22" rx="3"/>'


def text(x: int, y: int, content: str, kind: str = "") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{of_kind}>{content}</text>'
