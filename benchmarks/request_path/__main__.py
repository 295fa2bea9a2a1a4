"""`python -m benchmarks.request_path`: measure what the root costs, print tables."""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from benchmarks.request_path.worker import LOOPS
from benchmarks.request_path.workloads import WORKLOADS

DESIGN_TASK = 6.0
"""What a bare asyncio task costs on the machine of the design's figures, in µs."""

Best = dict[str, float]
"""The best round: µs per request, for `bare`, `inner` and `root`."""

Results = dict[str, dict[str, list[Best]]]
"""By side and by event loop, one for each workload."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.request_path", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a first look")
    parser.add_argument("--rounds", type=int, help="so many instead of 60", metavar="N")
    parser.add_argument("--json", type=Path, help="write the figures there, too", metavar="FILE")
    parser.add_argument(
        "--against", type=Path, help="the src folder of another checkout", metavar="DIR"
    )
    return parser.parse_args()


class _Worker:
    """A process that measures one workload with the lifescope of one side."""

    def __init__(self, source: Path | None, loop: str, workload: int) -> None:
        command = [sys.executable, "-m", "benchmarks.request_path.worker", loop, str(workload)]
        environment = dict(os.environ)
        if source is not None:
            environment["PYTHONPATH"] = str(source.resolve())
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )
        self._check(source, Path(self._answer()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def round(self, requests: int) -> Best:
        """Measure so many requests of each variant."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{requests}\n")
        self._process.stdin.flush()
        best: Best = self._answer()
        return best

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a worker has ended too early; it says above why")
        return json.loads(line)

    def _check(self, source: Path | None, found: Path) -> None:
        if source is not None and not found.is_relative_to(source.resolve()):
            sys.exit(f"{source} has no lifescope")


def _best(rounds: Iterable[Best]) -> Best:
    rounds = list(rounds)
    return {name: min(figures[name] for figures in rounds) for name in rounds[0]}


def _measure(
    sides: dict[str, Path | None], loop: str, workload: int, rounds: int, requests: int
) -> dict[str, Best]:
    """The best of each side's rounds, which take turns."""
    found: dict[str, list[Best]] = {side: [] for side in sides}
    with ExitStack() as stack:
        workers = {
            side: stack.enter_context(_Worker(source, loop, workload))
            for side, source in sides.items()
        }
        for _ in range(rounds):
            for side, worker in workers.items():
                found[side].append(worker.round(requests))
    return {side: _best(figures) for side, figures in found.items()}


def _run(sides: dict[str, Path | None], rounds: int, requests: int) -> Results:
    loops = [loop for loop in LOOPS if importlib.util.find_spec(loop)]
    results: Results = {side: {loop: [] for loop in loops} for side in sides}
    for loop in loops:
        for number in range(len(WORKLOADS)):
            for side, best in _measure(sides, loop, number, rounds, requests).items():
                results[side][loop].append(best)
    return results


def _bare(results: Results, loop: str) -> float:
    """A task that does nothing; the same for each side and each workload."""
    return min(best["bare"] for side in results.values() for best in side[loop])


def _difference(best: Best) -> float:
    return best["root"] - best["inner"]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return [_line(head), _line(rule), *(_line(row) for row in rows)]


def _single(loop: str, results: Results, task: float) -> list[str]:
    """The table of one side."""
    (side,) = results.values()
    rows = []
    for workload, best in zip(WORKLOADS, side[loop], strict=True):
        more = _difference(best)
        figures = [best["inner"], best["root"], more, more / task, more / task * DESIGN_TASK]
        rows.append([workload.title, *(f"{figure:.2f}" for figure in figures)])
    scaled = f"at {DESIGN_TASK} µs a task"
    return _table(["workload", "inner", "root", "difference", "in tasks", scaled], rows)


def _double(loop: str, results: Results, task: float) -> list[str]:
    """The table of two sides."""
    rows = []
    pairs = zip(results["before"][loop], results["after"][loop], strict=True)
    for workload, (before, after) in zip(WORKLOADS, pairs, strict=True):
        old, new = _difference(before), _difference(after)
        figures = [before["inner"], after["inner"], before["root"], after["root"], old, new]
        figures += [old / task, new / task]
        rows.append([workload.title, *(f"{figure:.2f}" for figure in figures)])
    names = ["inner", "root", "difference", "in tasks"]
    head = [f"{name} {side}" for name in names for side in ("before", "after")]
    return _table(["workload", *head], rows)


def _report(results: Results) -> str:
    task = _bare(results, "asyncio")
    lines = [f"A bare asyncio task: {task:.2f} µs. CPython {platform.python_version()}."]
    for loop in next(iter(results.values())):
        table = _single if len(results) == 1 else _double
        lines += ["", f"## {loop}", "", f"A bare task here: {_bare(results, loop):.2f} µs.", ""]
        lines += table(loop, results, task)
    return "\n".join(lines) + "\n"


def _json(results: Results) -> str:
    rows = [
        {"side": side, "loop": loop, "workload": workload.title, **best}
        | {"difference": _difference(best)}
        for side, loops in results.items()
        for loop, found in loops.items()
        for workload, best in zip(WORKLOADS, found, strict=True)
    ]
    task = _bare(results, "asyncio")
    whole = {"python": platform.python_version(), "bare_asyncio_task": task, "rows": rows}
    return json.dumps(whole, indent=2) + "\n"


def main() -> None:
    """Measure, and print what was found."""
    asked = _arguments()
    sides: dict[str, Path | None] = {"after": None}
    if asked.against is not None:
        sides = {"before": asked.against, "after": None}
    rounds, requests = (10, 100) if asked.quick else (60, 500)
    results = _run(sides, asked.rounds or rounds, requests)
    if asked.json is not None:
        asked.json.write_text(_json(results), encoding="utf-8")
    sys.stdout.write(_report(results))


if __name__ == "__main__":
    main()
