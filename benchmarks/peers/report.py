"""A run as a page: targets, ratios, medians, what has tables of its own, and the remarks."""

from collections.abc import Callable, Sequence

from benchmarks.peers.contestants import CONTAINERS
from benchmarks.peers.markdown import duration, table, three_digits
from benchmarks.peers.results import SECONDS, Cell, Results, Row
from benchmarks.peers.targets import TARGETS, Target
from benchmarks.peers.workloads import BY_ID

OWN = "lifescope"

_FIGURES = {
    "w6": {
        "build_ms": "build and check, ms",
        "first_ms": "first use, ms",
        "later_ms": "later uses, ms",
        "resident_kb": "resident, KiB",
        "traced_kb": "allocated, KiB",
    },
    "w8": {
        SECONDS: "processor time, µs",
        "per_second": "requests/s",
        "p50_ms": "median, ms",
        "p99_ms": "99th percentile, ms",
    },
    "w10": {
        "growth_kb": "growth, KiB",
        "objects_kept": "objects kept",
        "traced_bytes": "bytes kept each",
        "garbage": "cyclic garbage each",
        "us": "µs each",
    },
}
"""The groups of workloads with a table of their own, and its columns."""


class Report:
    """The page of one run."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._numbers: dict[str, int] = {}  # of the remarks, in the order of the page

    def page(self, title: str, level: int = 1) -> str:
        """All of it; the headings inside are one level lower."""
        mark = "#" * (level + 1)
        sections = {
            "lifescope and its targets": self._targets(),
            "Cost as a multiple of the hand-written code": self._ratios(),
            "Median cost of one operation": self._medians(),
            **self._special(),
            "Notes": self._notes(),
            "Not measured": self._unable(),
            "How each is used": self._practices(),
        }
        parts = [f"{'#' * level} {title}", self._made_with()]
        parts += [f"{mark} {heading}\n\n{text}" for heading, text in sections.items() if text]
        return "\n\n".join(parts) + "\n"

    def _made_with(self) -> str:
        machine = self._results.machine
        versions = dict(machine["versions"])
        for about in self._results.contestants.values():
            versions |= about["versions"]
        named = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        effort = " Short rounds: read the figures as a rough idea." if machine["is_quick"] else ""
        return (
            f"{machine['date']}, {machine['python']} on {machine['system']},"
            f" {machine['processor']}, {machine['processors']} processors,"
            f" {machine['seconds']:.0f} s.{effort}\n"
            f"From one round to another the baseline varied by {machine['noise']:.0%}"
            f" (median of the workloads).\n{named}."
        )

    def _label(self, name: str) -> str:
        label: str = self._results.contestants[name]["label"]
        return label

    def _title(self, workload: str) -> str:
        return f"**{workload}** {BY_ID[workload].title}"

    def _targets(self) -> str:
        rows = [
            [self._title(workload), *self._target_cells(row, target)]
            for workload, row in self._results.rows.items()
            for target in TARGETS.get(workload, ())
            if OWN in row and not row[OWN].failed
        ]
        heading = ["workload", "target", "lifescope", "", "best other container"]
        return table(heading, rows) if rows else ""

    def _target_cells(self, row: Row, target: Target) -> list[str]:
        own = value_of(row[OWN], target)
        show: Callable[[float], str] = "{:.2f}".format if target.is_ratio else three_digits
        others = [
            (value, name)
            for name in CONTAINERS
            if name != OWN and name in row and (value := value_of(row[name], target)) is not None
        ]
        best = "-"
        if others:
            value, name = min(others)
            best = f"{show(value)} ({self._label(name)}){self._marks(row[name])}"
        if own is None:
            return [show(target.limit), "-", "", best]
        verdict = "met" if own <= target.limit else "missed"
        if others and own > min(others)[0]:
            verdict += ", not first"
        unit = "" if target.figure == SECONDS else f" ({_column(target.figure)})"
        return [f"{show(target.limit)}{unit}", f"{show(own)}", verdict, best]

    def _ratios(self) -> str:
        return self._matrix(lambda cell: f"{cell.ratios[SECONDS]:.2f}", "ratios")

    def _medians(self) -> str:
        return self._matrix(lambda cell: duration(cell.medians[SECONDS]), "medians")

    def _matrix(self, show: Callable[[Cell], str], wanted: str) -> str:
        rows = {
            workload: row
            for workload, row in self._results.rows.items()
            if any(SECONDS in getattr(cell, wanted) for cell in row.values())
        }
        names = list(self._results.contestants)
        cells = [
            [self._title(workload), *(self._shown(row.get(name), show, wanted) for name in names)]
            for workload, row in rows.items()
        ]
        return table(["workload", *map(self._label, names)], cells) if cells else ""

    def _shown(self, cell: Cell | None, show: Callable[[Cell], str], wanted: str) -> str:
        if cell is None:
            return "-"
        if cell.failed:
            return "FAILED"
        return show(cell) + self._marks(cell) if SECONDS in getattr(cell, wanted) else "-"

    def _marks(self, cell: Cell) -> str:
        numbers = [self._numbers.setdefault(r, len(self._numbers) + 1) for r in cell.remarks]
        return "".join(f" [{number}]" for number in numbers)

    def _special(self) -> dict[str, str]:
        """The tables of what has several figures."""
        tables = {}
        for workload, row in self._results.rows.items():
            columns = _FIGURES.get(BY_ID[workload].group, {})
            lines = [
                [self._label(name) + self._marks(cell), *map(_figure(cell), columns)]
                for name, cell in row.items()
                if cell.medians and columns
            ]
            if lines:
                heading = f"{workload}: {BY_ID[workload].title}"
                tables[heading] = table(["", *columns.values()], lines)
        return tables

    def _notes(self) -> str:
        return "\n".join(f"{number}. {text}" for text, number in self._numbers.items())

    def _unable(self) -> str:
        """Why there is no figure; where the code would be another one's, nothing is missing."""
        reasons: dict[tuple[str, str], list[str]] = {}
        for workload, row in self._results.rows.items():
            for name, cell in row.items():
                reason = f"FAILED: {cell.failed}" if cell.failed else cell.unable
                if reason and not reason.startswith("the same"):
                    reasons.setdefault((self._label(name), reason), []).append(workload)
        lines = [f"- {who} ({', '.join(ids)}): {why}" for (who, why), ids in reasons.items()]
        lines += [f"- {name}: {why}" for name, why in self._results.missing.items()]
        return "\n".join(lines)

    def _practices(self) -> str:
        about = self._results.contestants.values()
        return "\n".join(f"- **{each['label']}**: {each['practice']}" for each in about)


def value_of(cell: Cell, target: Target) -> float | None:
    """The figure of a cell that a target is about."""
    values = cell.ratios if target.is_ratio else cell.medians
    return values.get(target.figure)


def _column(figure: str) -> str:
    return next(columns[figure] for columns in _FIGURES.values() if figure in columns)


def _figure(cell: Cell) -> Callable[[str], str]:
    def show(figure: str) -> str:
        if figure not in cell.medians:
            return "-"
        value = cell.medians[figure]
        return three_digits(value * 1e6 if figure == SECONDS else value)

    return show


def summary(results: Sequence[Results]) -> str:
    """The page RESULTS.md: the first run, and the others below it."""
    title = "What was measured"
    first, *others = results
    about = (
        "What `scripts/bench` has written; [peers/README.md](peers/README.md) says how it is"
        " measured.\nA ratio is the cost relative to hand-written code for the same work, in the"
        " same round: 1.00 costs nothing, 2.00 twice as much."
    )
    page = Report(first).page(title).replace("\n\n", f"\n\n{about}\n\n", 1)
    more = [Report(each).page(each.machine["python"], 2) for each in others]
    return "\n".join([page, *more])
