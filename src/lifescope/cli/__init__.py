"""The command line: `lifescope run`, `check`, `graph`, `explain` and `plan`."""

import argparse
import sys
from collections.abc import Sequence

from lifescope.cli import _check, _explain, _graph, _plan, _run
from lifescope.cli._codes import CRASHED, INTERRUPTED, NOT_STARTED, PROBLEMS, WRONG_USE
from lifescope.cli._terminal import has_colours, write
from lifescope.errors import LifescopeError

__all__ = ["CRASHED", "INTERRUPTED", "NOT_STARTED", "PROBLEMS", "WRONG_USE", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    Args:
        arguments: By default those of the process.

    Raises:
        SystemExit: In any case: 0, or why not.
    """
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except LifescopeError as error:  # from the module: a container that cannot be built
        write(error.describe(colour=has_colours(sys.stderr)), sys.stderr)
        sys.exit(options.refused)
    except KeyboardInterrupt:  # before the server, or more often than it takes notice of
        sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lifescope", description="Dependency injection with lifespan scopes."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    parser.set_defaults(refused=PROBLEMS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in (_run, _check, _graph, _explain, _plan):
        each.add_to(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        from importlib import metadata

        write(f"lifescope {metadata.version('lifescope')}")
        sys.exit(0)
