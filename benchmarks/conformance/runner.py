"""Runs the columns, each in a process of its own, and starts it again after a hang."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.conformance.harness import LIMIT

_PATIENCE = 3 * LIMIT + 5
"""Seconds without a line after which a worker counts as hanging for good."""


@dataclass(frozen=True)
class Result:
    """One cell of the table."""

    outcome: str
    why: str


def run(columns: Sequence[str], ids: Sequence[str], jobs: int) -> dict[str, dict[str, Result]]:
    """Column to case to result."""
    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(columns, pool.map(lambda c: _column(c, ids), columns), strict=True))


def _column(column: str, ids: Sequence[str]) -> dict[str, Result]:
    results: dict[str, Result] = {}
    while todo := [each for each in ids if each not in results]:
        done, why = _worker(column, todo)
        results |= done
        if len(done) < len(todo):  # the one that it was at when it ended
            results[todo[len(done)]] = Result("FAIL", why)
    return results


def _worker(column: str, ids: Sequence[str]) -> tuple[dict[str, Result], str]:
    """The results of one process, and why it ended if some are missing."""
    results: dict[str, Result] = {}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.conformance.worker", column, *ids],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # run a worker by hand to see it
        text=True,
    )
    with process:
        while line := _line_in_time(process):
            case, outcome, why = json.loads(line)
            results[case] = Result(outcome, why)
    killed = process.returncode < 0
    return results, "hangs" if killed else f"its process ended with {process.returncode}"


def _line_in_time(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    timer = threading.Timer(_PATIENCE, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()
