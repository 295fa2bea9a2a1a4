"""The whole way, from the command line to the pages. No figure is looked at that is a time."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.peers.plot import draw
from benchmarks.peers.report import summary
from benchmarks.peers.results import SECONDS, Results

_ROOT = Path(__file__).resolve().parents[2]
_ONLY = "w3,w6.flat,w7.fastapi.injected,w8,w10.scope"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What a quick run with lifescope and the floor has found."""
    path = tmp_path_factory.mktemp("run") / "results.json"
    options = ["--quick", "--rounds", "1", "--only", _ONLY, "--contestants", "lifescope,floor"]
    command = [sys.executable, "-m", "benchmarks.peers", *options, "--json", str(path)]
    subprocess.run(command, cwd=_ROOT, timeout=110, check=True, capture_output=True)
    return Results.read(path)


def test_each_cell_has_its_figures(results: Results) -> None:
    """Who is able has a figure and a ratio; nobody has failed, and the baseline is always 1."""
    assert list(results.rows) == _ONLY.split(",")
    for row in results.rows.values():
        for name, cell in row.items():
            assert not cell.failed
            assert cell.unable or cell.medians
            if name == "hand" and SECONDS in cell.ratios:
                assert cell.ratios[SECONDS] == 1
    assert results.rows["w8"]["lifescope"].medians["p99_ms"] > 0


def test_nothing_is_left_behind(results: Results) -> None:
    """W10 finds no object that is kept, and no cyclic garbage, after lifescope's scopes."""
    figures = results.rows["w10.scope"]["lifescope"].medians
    assert figures["objects_kept"] == figures["garbage"] == 0


def test_the_page_has_all_of_it(results: Results) -> None:
    """Each workload is on the page, and the targets, and how each contestant is used."""
    page = summary([results, results])
    for workload in results.rows:
        assert workload in page
    assert "| **w3** request scope, 3 of 8 are async generators | 0.80 |" in page
    assert "**floor**: No container, but the limit" in page
    assert page.count("## CPython 3.") == 1


def test_the_plot_has_a_bar_for_each(results: Results) -> None:
    """The drawing is an SVG with the contestants of the workloads that it shows."""
    drawing = ET.fromstring(draw(results))
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("lifescope") == texts.count("by hand") == 2
