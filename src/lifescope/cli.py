"""The command line: `lifescope run module:app`."""

import argparse
import asyncio
import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Any

__all__ = ["main"]

CRASHED = 1
"""The exit code when the app has crashed, or has not stopped in good order."""

NOT_STARTED = 3
"""The exit code when the app did not start; uvicorn's is the same."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    Args:
        arguments: By default those of the process.

    Raises:
        SystemExit: In any case: 0, or why not.
    """
    parser = argparse.ArgumentParser(prog="lifescope", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    options = parser.parse_args(arguments)
    sys.exit(options.command(options))


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="serve an app with uvicorn, inside its lifespan",
        description="Serve an app with uvicorn, inside its lifespan. The exit code is 0 after "
        f"SIGINT or SIGTERM, {CRASHED} after a crash, {NOT_STARTED} if the app did not start.",
    )
    run.add_argument("app", metavar="module:app", help="what container.asgi() returned")
    run.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    run.add_argument("--port", type=int, default=8000, help="0 for a free one; default: 8000")
    run.add_argument("--uds", metavar="PATH", help="a Unix socket to listen on instead")
    run.add_argument("--app-dir", default=".", help="where the module is found; default: here")
    run.add_argument("--log-level", default="info", help="default: %(default)s")
    run.add_argument("--workers", type=int, default=1, help="processes; uvicorn starts them")
    run.add_argument("--reload", action="store_true", help="start anew when a file changes")
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from lifescope.server import serve  # says so where uvicorn is missing

    sys.path.insert(0, options.app_dir)
    if options.reload or options.workers > 1:
        return _run_processes(options)
    try:
        app = _load(options.app)
    except _WrongNameError as error:
        print(f"lifescope: {error}", file=sys.stderr)  # noqa: T201
        return 2
    import uvicorn

    config = uvicorn.Config(app, log_level=options.log_level)  # sets logging up, as uvicorn does
    make_loop = getattr(config, "get_loop_factory", lambda: None)()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(_serve(serve, app, options))


async def _serve(serve: Any, app: Any, options: argparse.Namespace) -> int:
    server = serve(app, host=options.host, port=options.port, uds=options.uds, signals=True)
    try:
        await server.start_serving()
    except Exception:
        traceback.print_exc()
        return NOT_STARTED
    print(f"lifescope: serving on {server.url}", file=sys.stderr, flush=True)  # noqa: T201
    try:
        await server.wait_closed()
    except Exception:
        traceback.print_exc()
        return CRASHED
    return 0


def _run_processes(options: argparse.Namespace) -> int:
    """Several processes are uvicorn's own business: in each of them it runs the lifespan."""
    import uvicorn

    uvicorn.run(
        options.app,
        host=options.host,
        port=options.port,
        uds=options.uds,
        app_dir=options.app_dir,
        log_level=options.log_level,
        workers=None if options.reload else options.workers,
        reload=options.reload,
        lifespan="on",
    )
    return 0


class _WrongNameError(Exception):
    """The user has named no app."""


def _load(name: str) -> Any:
    """The object that `module:app` names."""
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise _WrongNameError(f'"{name}" is not of the form module:app, such as shop:app')
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        raise _WrongNameError(
            f'there is no module "{module_name}"; --app-dir says where it is found'
        ) from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _WrongNameError(f'the module "{module_name}" has no "{attribute}"')
        found = getattr(found, part)
    if not callable(found):
        raise _WrongNameError(
            f'"{name}" is no ASGI app, but an object of type {type(found).__name__}'
        )
    return found
