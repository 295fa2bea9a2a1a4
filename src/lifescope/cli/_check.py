"""`lifescope check module:app`: everything that would be wrong at the start, without one."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from lifescope import _text
from lifescope._model.provider import Entry, Kind
from lifescope.cli._codes import PROBLEMS
from lifescope.cli._loading import Target, add_app, find_here, load, load_target
from lifescope.cli._terminal import has_colours, write
from lifescope.errors import GraphError, LifescopeError

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check",
        help="find every mistake, without starting anything",
        description="Check the graph, what the app factory asks for, and every route, WebSocket "
        "and dependency of its app. No provider is called. The exit code is 0 if all is fine, "
        "1 if there are problems, 2 for a wrong command line, 3 if the module cannot be "
        "imported.",
    )
    add_app(check)
    check.add_argument("--json", action="store_true", help="for programs")
    check.add_argument("--strict", action="store_true", help="warnings are problems, too")
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    find_here(options.app_dir)
    try:
        target = load(options.app, load_target)
    except LifescopeError as error:
        report = _Report(None, _all_of(error), [], [])
    else:
        findings = target.findings
        report = _Report(
            target,
            list(findings.problems) if findings else [],
            list(findings.warnings) if findings else [],
            list(findings.notes) if findings else ["there is no app: no routes were checked"],
        )
    if options.strict:
        report = report.strict()
    write(report.as_json() if options.json else report.text(colour=has_colours(sys.stdout)))
    return PROBLEMS if report.problems else 0


def _all_of(error: LifescopeError) -> list[LifescopeError]:
    return list(error.problems) if isinstance(error, GraphError) else [error]


class _Report:
    """What was found, as text and for programs."""

    def __init__(
        self,
        target: Target | None,
        problems: Sequence[LifescopeError],
        warnings: Sequence[LifescopeError],
        notes: Sequence[str],
    ) -> None:
        self.target = target
        self.problems = problems
        self.warnings = warnings
        self.notes = notes

    def strict(self) -> "_Report":
        """The same, where every warning is a problem."""
        return _Report(self.target, [*self.problems, *self.warnings], [], self.notes)

    def text(self, *, colour: bool) -> str:
        style = _text.COLOUR if colour else _text.PLAIN
        return _text.join(
            _described(self.problems, colour=colour),
            *(_warning(each, style) for each in self.warnings),
            "\n".join(_text.wrap(note, "note: ") for note in self.notes),
            self._summary(style),
        )

    def _summary(self, style: _text.Style) -> str:
        counts: list[str] = []
        if self.target is not None:
            counts.append(_count(_providers(self.target), "provider"))
        if self.target is not None and self.target.findings is not None:
            counts.append(_count(len(_routes(self.target)), "route"))
        if self.warnings:
            counts.append(_count(len(self.warnings), "warning"))
        if not self.problems:
            return f"{style.paint('fix', 'ok')}: {', '.join(counts)}"
        return ", ".join([style.paint("code", _count(len(self.problems), "problem")), *counts])

    def as_json(self) -> str:
        data = {
            "version": 1,
            "ok": not self.problems,
            "problems": [each.as_data() for each in self.problems],
            "warnings": [each.as_data() for each in self.warnings],
            "entry_points": [] if self.target is None else _entry_points(self.target),
            "notes": list(self.notes),
        }
        return json.dumps(data, indent=2)


def _described(problems: Sequence[LifescopeError], *, colour: bool) -> str:
    """The report that the program itself would give."""
    graph = [problem for problem in problems if isinstance(problem, GraphError)]
    if not graph:
        return "\n\n".join(problem.describe(colour=colour) for problem in problems)
    return GraphError.of(graph).describe(colour=colour)


def _warning(warning: LifescopeError, style: _text.Style) -> str:
    return _text.write(warning._report(), warning.code, style)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _providers(target: Target) -> int:
    declared = target.engine.graph.declared
    return sum(p.kind not in (Kind.SUPPLIED, Kind.VALUE) for p in declared)


def _routes(target: Target) -> list[str]:
    routes = target.findings.routes if target.findings is not None else ()
    return [route.name for route in routes if route.is_own and route.is_known]


def _entry_points(target: Target) -> list[dict[str, Any]]:
    """Who asks: the app factory, then the functions of each route."""
    findings = target.findings
    if findings is None:
        return []
    pairs: list[tuple[str | None, Entry]] = [
        (None, entry) for entry in [findings.factory] if entry is not None
    ]
    pairs += [(route.name, entry) for route in findings.routes for entry in route.entries]
    return [
        {
            "name": entry.name,
            "route": route,
            "place": str(entry.place) if entry.place else None,
            "needs": [str(parameter.key) for parameter in entry.parameters],
        }
        for route, entry in pairs
    ]
