"""`lifescope graph module:app`: a drawing of the graph, with the entry points."""

import argparse
import sys
from pathlib import Path
from typing import Any

from lifescope import render
from lifescope.cli._codes import PROBLEMS
from lifescope.cli._loading import add_app, find_here, load, load_target, refuse
from lifescope.cli._terminal import has_colours, write
from lifescope.errors import GraphError

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    graph = commands.add_parser(
        "graph",
        help="draw the graph, with the entry points",
        description="Draw the graph, with the app factory and the endpoints of its app. One "
        "that fails its check is drawn too, with the report on stderr and the exit code 1.",
    )
    add_app(graph)
    graph.add_argument(
        "--format", choices=render.FORMATS, default="tree", help="default: %(default)s"
    )
    graph.add_argument("-o", "--output", metavar="FILE", help="write it to a file")
    graph.set_defaults(command=_graph)


def _graph(options: argparse.Namespace) -> int:
    find_here(options.app_dir)
    error: GraphError | None = None
    try:
        target = load(options.app, load_target)
    except GraphError as failed:
        if failed.graph is None:
            raise
        error, drawn = failed, render.draw(failed.graph, options.format)
    else:
        graph, entries = target.engine.graph, []
        if target.root is not None and target.findings is not None:
            error, entries = target.root.error_of(target.findings), target.findings.entries
            graph = graph if error is None else error.graph
        drawn = render.draw(graph, options.format, entries=entries)
    if error is not None:
        write(error.describe(colour=has_colours(sys.stderr)), sys.stderr)
    _put(drawn, options.output)
    return 0 if error is None else PROBLEMS


def _put(drawn: str, file: str | None) -> None:
    if file is None:
        write(drawn)
        return
    try:
        Path(file).write_text(drawn, encoding="utf-8", newline="\n")
    except OSError as error:
        refuse(f'cannot write "{file}": {error.strerror}')
