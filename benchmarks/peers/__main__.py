"""`python -m benchmarks.peers`: measure everybody side by side, write the tables and the plot."""

import argparse
import sys
import time
from pathlib import Path

from benchmarks.peers import machine
from benchmarks.peers.contestants import BASELINE, NAMES
from benchmarks.peers.measure import QUICK, Effort, measure
from benchmarks.peers.plot import draw
from benchmarks.peers.report import Report, summary
from benchmarks.peers.results import Results
from benchmarks.peers.workers import started
from benchmarks.peers.workloads import WORKLOADS, Workload, chosen

_ROOT = Path(__file__).resolve().parents[2]
_RECORDED = Path(__file__).parent / "recorded"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure lifescope, hand-written code and other containers side by side."
        " A whole run writes benchmarks/RESULTS.md and docs/assets/benchmark.svg.",
    )
    parser.add_argument("--only", help="these workloads: w3,w7.fastapi", metavar="IDS")
    parser.add_argument(
        "--contestants", help="these, and the baseline: lifescope,wireup", metavar="NAMES"
    )
    parser.add_argument("--rounds", type=int, help="so many of everything", metavar="N")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a first look")
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    parser.add_argument(
        "--write", action="store_true", help="write the pages although not everything was measured"
    )
    parser.add_argument("--render", action="store_true", help="write the pages, measure nothing")
    parser.add_argument("--json", type=Path, help="write the figures there, too", metavar="FILE")
    return parser.parse_args()


def main() -> int:
    """Do what the command line says; 1 if a workload of lifescope's has failed."""
    asked = _arguments()
    if asked.list:
        sys.stdout.write(_listing())
        return 0
    if asked.render:
        _write_pages()
        return 0
    workloads, names = _choice(asked)
    effort = QUICK if asked.quick else Effort()
    if asked.rounds:
        effort = effort.with_rounds(asked.rounds)
    results = _run(workloads, names, effort, is_quick=asked.quick)
    sys.stdout.write(Report(results).page("What was measured"))
    if asked.json:
        results.save(asked.json)
    is_whole = not (asked.only or asked.contestants or asked.quick)
    if is_whole or asked.write:
        _RECORDED.mkdir(exist_ok=True)
        results.save(_RECORDED / f"{_minor(results)}.json")
        _write_pages()
    own = [row["lifescope"] for row in results.rows.values() if "lifescope" in row]
    return int(any(cell.failed for cell in own))


def _listing() -> str:
    rows = [f"{workload.id:22}{workload.title}" for workload in WORKLOADS]
    return "\n".join([*rows, "", f"contestants: {', '.join(NAMES)}", ""])


def _choice(asked: argparse.Namespace) -> tuple[list[Workload], list[str]]:
    workloads = chosen(asked.only.split(",")) if asked.only else list(WORKLOADS)
    names = list(NAMES)
    if asked.contestants:
        wanted = asked.contestants.split(",")
        if unknown := set(wanted) - set(NAMES):
            sys.exit(f"no contestant is called {', '.join(unknown)}; there are: {', '.join(NAMES)}")
        names = [name for name in NAMES if name == BASELINE or name in wanted]
    if not workloads:
        sys.exit(f"no workload is called {asked.only}; scripts/bench --list has them")
    return workloads, names


def _run(workloads: list[Workload], names: list[str], effort: Effort, *, is_quick: bool) -> Results:
    began = time.monotonic()
    with started(names) as (workers, missing):
        abouts = {name: worker.about for name, worker in workers.items()}
        results = Results({**machine.describe(), "is_quick": is_quick}, abouts, missing)
        for workload in workloads:
            start = time.monotonic()
            results.rows[workload.id] = measure(workload, workers, effort)
            _say(f"{workload.id} ... {time.monotonic() - start:.0f} s")
    results.machine |= {"seconds": time.monotonic() - began, "noise": results.noise()}
    return results


def _minor(results: Results) -> str:
    """The interpreter without its last number: cpython-3.11."""
    return results.machine["python"].rpartition(".")[0].replace(" ", "-").lower()


def _write_pages() -> None:
    """Write the tables of all recorded runs, and the plot of the first."""
    recorded = sorted(_RECORDED.glob("*.json"), key=lambda path: _version(path.stem))
    runs = [Results.read(path) for path in recorded]
    (_ROOT / "benchmarks" / "RESULTS.md").write_text(summary(runs), encoding="utf-8")
    plot = _ROOT / "docs" / "assets" / "benchmark.svg"
    plot.parent.mkdir(exist_ok=True)
    plot.write_text(draw(runs[0]), encoding="utf-8")


def _version(name: str) -> list[int]:
    return [int(part) for part in name.rpartition("-")[2].split(".")]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")
