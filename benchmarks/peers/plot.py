"""The plot of a run: a few workloads, a bar for each contestant, as a plain SVG.

It has its own background, a light and a dark one, so it can be read on any page.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.peers.results import SECONDS, Results

SHOWN = {
    "w2": "A request scope with 8 plain objects",
    "w3i": "With 3 async generators, injected",
    "w7.fastapi.graph": "FastAPI, W3, and a query parameter",
    "w7.fastapi.injected": "FastAPI, W3, all parameters injected",
    "w8": "FastAPI, W3, under uvicorn",
    "wp.fastapi": "FastAPI, wireup's published graph",
}
"""The workloads that are drawn, and what the drawing calls them."""

_MOST = 4.0
"""Where a bar is cut off."""

_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .title { font-weight: 600 }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  .bar { fill: #9aa4af }
  .own { fill: #00897b }
  .one { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .page { fill: #161b22; stroke: #3d444d }
    .bar { fill: #656c76 }
    .own { fill: #4db6ac }
    .one { stroke: #9198a1 }
  }
"""

_WIDTH, _COLUMNS, _GAP = 860, 2, 24
_PANEL = (_WIDTH - _GAP * (_COLUMNS + 1)) // _COLUMNS
_LABEL, _VALUE, _BAR, _HEAD, _FOOT = 132, 56, 18, 30, 2

Bars = list[tuple[str, str, float]]
"""Name, label and ratio, the cheapest first."""


def draw(results: Results) -> str:
    """The SVG."""
    panels = [(id_, bars) for id_ in SHOWN if (bars := _bars(results, id_))]
    heights = [
        max((_height(bars) for _, bars in panels[i : i + _COLUMNS]), default=0)
        for i in range(0, len(panels), _COLUMNS)
    ]
    total = 56 + sum(height + _GAP for height in heights) + 8
    lines = [*_opening(total), *_heading(results)]
    for i, (workload, bars) in enumerate(panels):
        x = _GAP + i % _COLUMNS * (_PANEL + _GAP)
        y = 60 + sum(height + _GAP for height in heights[: i // _COLUMNS])
        lines += _panel(x, y, f"{SHOWN[workload]} ({workload})", bars)
    return "\n".join([*lines, "</svg>", ""])


def _bars(results: Results, workload: str) -> Bars:
    bars = [
        (name, results.contestants[name]["label"], cell.ratios[SECONDS])
        for name, cell in results.rows.get(workload, {}).items()
        if SECONDS in cell.ratios
    ]
    return sorted(bars, key=lambda bar: bar[2])


def _height(bars: Sequence[object]) -> int:
    return _HEAD + _BAR * len(bars) + _FOOT


def _opening(height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title">',
        '<title id="title">Cost of lifescope and of others, relative to hand-written code</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
    ]


def _heading(results: Results) -> list[str]:
    machine = results.machine
    return [
        _text(_GAP, 26, "Cost relative to hand-written code (1.00); shorter is better", "title"),
        _text(_GAP, 43, f"{machine['python']}, {machine['processor']}, {machine['date']}", "small"),
    ]


def _panel(x: int, y: int, title: str, bars: Bars) -> Iterator[str]:
    yield _text(x, y + 14, title, "title")
    left, room = x + _LABEL, _PANEL - _LABEL - _VALUE
    top = y + _HEAD - 6
    one, bottom = left + room / _MOST, top + len(bars) * _BAR
    yield f'<line class="one" x1="{one:.1f}" y1="{top}" x2="{one:.1f}" y2="{bottom}"/>'
    for i, (name, label, ratio) in enumerate(bars):
        baseline = top + i * _BAR
        width = room * min(ratio, _MOST) / _MOST
        kind = "bar own" if name == "lifescope" else "bar"
        more = " →" if ratio > _MOST else ""
        yield _text(left - 6, baseline + 13, label, "", "end")
        yield (
            f'<rect class="{kind}" x="{left}" y="{baseline + 3}" width="{width:.1f}"'
            f' height="{_BAR - 6}" rx="2"/>'
        )
        yield _text(max(left + width, one) + 5, baseline + 13, f"{ratio:.2f}{more}", "small")


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y}"{style}{anchored}>{escape(text)}</text>'
