"""What a run has found, and its JSON."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.contestants import BASELINE

SECONDS = "seconds"
"""The figure of what is repeated: processor time per operation."""


@dataclass
class Cell:
    """What one contestant has made of one workload.

    Attributes:
        unable: Why it is not measured.
        failed: What went wrong.
        remarks: Where it does less, or something else, than the others.
        series: Figure to its values, one for each round.
        medians: Figure to the median of the rounds.
        ratios: Figure to the median of the ratios to the baseline's value of the same round.
    """

    unable: str = ""
    failed: str = ""
    remarks: list[str] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)

    def add(self, figures: dict[str, float]) -> None:
        """Add the figures of one round."""
        for figure, value in figures.items():
            self.series.setdefault(figure, []).append(value)

    def remark(self, remarks: Iterable[str]) -> None:
        self.remarks = list(dict.fromkeys([*self.remarks, *remarks]))

    def conclude(self, baseline: "Cell") -> None:
        """Set the medians and the ratios; what has failed has none."""
        if self.failed:
            self.series.clear()
        for figure, values in self.series.items():
            self.medians[figure] = statistics.median(values)
            others = baseline.series.get(figure, [])
            ratios = [mine / theirs for mine, theirs in zip(values, others, strict=False) if theirs]
            if ratios:
                self.ratios[figure] = statistics.median(ratios)


Row = dict[str, Cell]
"""By the name of the contestant."""


def conclude(row: Row) -> None:
    """Set the medians and the ratios of a row."""
    for cell in row.values():
        cell.conclude(row.get(BASELINE, Cell()))


@dataclass
class Results:
    """A run.

    Attributes:
        machine: What it ran on, and when.
        contestants: Name to what the contestant says about itself.
        missing: Name to why it could not start.
        rows: Workload to cells.
    """

    machine: dict[str, Any]
    contestants: dict[str, dict[str, Any]]
    missing: dict[str, str]
    rows: dict[str, Row] = field(default_factory=dict)

    def noise(self) -> float:
        """How much the baseline has varied between rounds, as a part of it."""
        baselines = [row[BASELINE] for row in self.rows.values() if BASELINE in row]
        series = [cell.series.get(SECONDS, []) for cell in baselines]
        varied = [(max(each) - min(each)) / statistics.median(each) for each in series if each]
        return statistics.median(varied) if varied else 0.0

    def save(self, path: Path) -> None:
        """Write everything but the values of the single rounds."""
        document = asdict(self)
        for row in document["rows"].values():
            for cell in row.values():
                del cell["series"]
        path.write_text(json.dumps(_rounded(document), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Results":
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document.pop("rows")
        results = cls(**document)
        results.rows = {
            workload: {name: Cell(**cell) for name, cell in row.items()}
            for workload, row in rows.items()
        }
        return results


def _rounded(value: Any) -> Any:
    """Four digits are more than anybody can measure."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
