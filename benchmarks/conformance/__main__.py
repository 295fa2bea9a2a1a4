"""`python -m benchmarks.conformance`: run the cases, print the table."""

import argparse
import os
import sys

from benchmarks.conformance import runner, table
from benchmarks.conformance.adapters import PEERS
from benchmarks.conformance.cases import CASES


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--details", action="store_true", help="say why, for all that is no pass")
    parser.add_argument("--columns", help="only these, separated by commas", metavar="A,B")
    parser.add_argument("--cases", help="only ids that begin with one of these", metavar="A01,D")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), metavar="N")
    return parser.parse_args()


def main() -> int:
    """Print what was asked for; 1 if a case of lifescope's fails."""
    asked = _arguments()
    columns = asked.columns.split(",") if asked.columns else list(PEERS)
    prefixes = tuple(asked.cases.split(",")) if asked.cases else ("",)
    cases = [case for case in CASES if case.id.startswith(prefixes)]
    peers = [PEERS[column] for column in columns]
    results = runner.run(columns, [case.id for case in cases], asked.jobs)
    cells = table.rows(cases, peers, results)
    lines = [table.markdown(cells) if asked.markdown else table.plain(cells), ""]
    notes = table.legend(peers)
    if asked.details:
        notes += table.details(cases, peers, results)
    lines += [f"- {note}" for note in notes]
    sys.stdout.write("\n".join(lines) + "\n")
    own = results.get("lifescope", {}).values()
    return int(any(result.outcome == "FAIL" for result in own))


if __name__ == "__main__":
    sys.exit(main())
