"""The table, as plain text or Markdown."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

from benchmarks.conformance.harness import Case
from benchmarks.conformance.protocol import Peer
from benchmarks.conformance.runner import Result

Results = dict[str, dict[str, Result]]


def rows(cases: Sequence[Case], peers: Sequence[Peer], results: Results) -> list[list[str]]:
    """Heading, one row for each case, and the totals."""
    heading = ["case", "what it shows", *(peer.column for peer in peers)]
    body = [[c.id, c.shows, *(results[p.column][c.id].outcome for p in peers)] for c in cases]
    totals = [_total(results[peer.column]) for peer in peers]
    return [heading, *body, ["total", "passed of those that can be expressed", *totals]]


def _total(column: dict[str, Result]) -> str:
    outcomes = [result.outcome for result in column.values()]
    return f"{outcomes.count('pass')} of {len(outcomes) - outcomes.count('n/a')}"


def plain(table: list[list[str]]) -> str:
    """Columns padded with spaces, a rule under the heading and above the totals."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def markdown(table: list[list[str]]) -> str:
    """A Markdown table; failures are bold."""
    heading, *body = [[cell.replace("|", "\\|") for cell in row] for row in table]
    marked = [[f"**{cell}**" if cell == "FAIL" else cell for cell in row] for row in body]
    rule = ["---"] * len(heading)
    return "\n".join(f"| {' | '.join(row)} |" for row in [heading, rule, *marked])


def legend(peers: Sequence[Peer]) -> list[str]:
    """Versions, and the opt-in settings of the columns that have some."""
    names = sorted({name for peer in peers for name in peer.distributions} | {"anyio"})
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = [f"Python {platform.python_version()}, asyncio; {versions}."]
    lines += [f"{peer.column}: {peer.settings}." for peer in peers if peer.settings]
    lines += ["Every other column: defaults only. n/a: the container has no way to say it."]
    return lines


def details(cases: Sequence[Case], peers: Sequence[Peer], results: Results) -> list[str]:
    """For each cell that is no pass: why."""
    return [
        f"{case.id}, {peer.column}: {result.outcome}: {result.why}"
        for case in cases
        for peer in peers
        if (result := results[peer.column][case.id]).outcome != "pass"
    ]
