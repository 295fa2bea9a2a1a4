"""The page about the guarantees names tests that exist, and figures that were measured.

The table of figures is written anew from benchmarks/conformance/RESULTS.md by
REWRITE_GOLDEN=1 pytest tests/pages/test_guarantees.py.
"""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
RESULTS = ROOT / "benchmarks" / "conformance" / "RESULTS.md"

GUARANTEES = [f"G{number}" for number in range(1, 16)]

CASES = {
    guarantee: cases.split(", ")
    for guarantee, cases in {
        "G1": "A02, A09, A11, E09, E10, E14, F01, F02, F04, F05 request, F05 app, F07, F08",
        "G2": "A06, D01, D02, D03, F05 order",
        "G3": "D04, D05, D06, D07, D11, D12, D13, D14, E01, E02, E04, E05, E11, F03, F09, F11, H04",
        "G4": "D08, D09, D10, E03, J02",
        "G5": "E12, J10",
        "G10": "F10, H02, H05, H06, H07",
        "G11": "J01, J05, J08, J11",
        "G14": "B02, C01, C03, C04, C05, C09, C11, C15, C16",
    }.items()
}
"""Which cases ask for which guarantee; the others can be asked of few containers, or none."""


def results() -> tuple[list[str], dict[str, list[str]]]:
    """The columns of the results, and case to cells."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in RESULTS.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    return rows[0][2:], {row[0]: row[2:] for row in rows[2:] if row[0] != "total"}


def belongs(case: str, wanted: list[str]) -> bool:
    """Whether a row is one of *wanted*, which names it or its number."""
    return case in wanted or case.partition(" ")[0] in wanted


def table() -> str:
    """How many of the cases that can be expressed each container passes, for each guarantee."""
    columns, found = results()
    lines = [
        "| | " + " | ".join(["cases", *columns]) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for guarantee, wanted in CASES.items():
        rows = [cells for case, cells in found.items() if belongs(case, wanted)]
        counts = [count([row[at] for row in rows]) for at in range(len(columns))]
        lines.append("| " + " | ".join([f"**{guarantee}**", ", ".join(wanted), *counts]) + " |")
    return "\n".join(lines) + "\n"


def count(cells: list[str]) -> str:
    expressed = [cell for cell in cells if cell != "n/a"]
    return f"{expressed.count('pass')} of {len(expressed)}" if expressed else "n/a"


def shown() -> re.Match[str]:
    """The table on the page."""
    found = re.search(
        r"^\| \| cases \|.*?(?=\n\n)\n", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found


def named_for(guarantee: str) -> list[str]:
    """The files that the page names for it."""
    row = re.search(rf"^\| {guarantee} \| (`tests/.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert row is not None
    return re.findall(r"`([^`]+)`", row[1])


def test_every_case_is_a_row_of_the_results() -> None:
    """No number is misspelled."""
    _, found = results()
    for wanted in CASES.values():
        for case in wanted:
            assert any(belongs(row, [case]) for row in found), case


def test_figures_are_those_that_were_measured() -> None:
    """The table on the page follows from the results."""
    if os.environ.get("REWRITE_GOLDEN"):
        text, match = PAGE.read_text(encoding="utf-8"), shown()
        PAGE.write_text(text[: match.start()] + table() + text[match.end() :], encoding="utf-8")
    assert shown()[0] == table(), "REWRITE_GOLDEN=1, if it is right"


def test_total_is_the_one_that_pages_quote() -> None:
    """The README and the pages about moving say how many cases pass."""
    columns, found = results()
    totals = {
        name: count([cells[at] for cells in found.values()]) for at, name in enumerate(columns)
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in columns:
        assert f" {totals[name]} " in readme, (name, totals[name])
    passed = totals["lifescope"].partition(" ")[0]
    for library in ("dishka", "wireup"):
        page = (ROOT / "docs" / "how-to" / f"from-{library}.md").read_text(encoding="utf-8")
        theirs, _, of = totals[library].partition(" of ")
        assert f"lifescope passes {passed}" in page
        assert f"passes {theirs}" in page or f"{library} {theirs}" in page
        assert of in page


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_named_tests_exist_and_are_about_it(guarantee: str) -> None:
    """Each guarantee has at least two files or folders, which mention it or a case of it."""
    named = named_for(guarantee)
    assert len(named) >= 2
    words = [guarantee, *(case.partition(" ")[0] for case in CASES.get(guarantee, []))]
    for name in named:
        path = ROOT / name
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        assert re.search(rf"\b({'|'.join(words)})\b", text), name
