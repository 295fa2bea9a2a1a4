"""The command line: `lifescope run module:app`."""

import argparse
import asyncio
import copy
import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from lifescope import ServerClosedError

__all__ = ["main"]

CRASHED = 1
"""The exit code when the app has crashed, or has not stopped in good order."""

WRONG_USE = 2
"""The exit code when the command line is wrong; argparse's is the same."""

NOT_STARTED = 3
"""The exit code when the app did not start; uvicorn's is the same."""

INTERRUPTED = 130
"""The exit code after a Ctrl-C that no server has taken notice of; that of shells."""

_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    Args:
        arguments: By default those of the process.

    Raises:
        SystemExit: In any case: 0, or why not.
    """
    parser = argparse.ArgumentParser(
        prog="lifescope", description="Dependency injection with lifespan scopes."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    options = parser.parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except KeyboardInterrupt:  # before the server, or more often than it takes notice of
        sys.exit(INTERRUPTED)


# --- run ------------------------------------------------------------------------------------


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="serve an app with uvicorn, inside its lifespan",
        description="Serve an app with uvicorn, inside its lifespan. The exit code is 0 after "
        f"SIGINT or SIGTERM, {CRASHED} after a crash, {WRONG_USE} if there is no such app, "
        f"{NOT_STARTED} if it did not start. A second Ctrl-C does not wait for requests.",
    )
    run.add_argument("app", metavar="module:app", help="what container.asgi() returned")
    run.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    run.add_argument("--port", type=int, default=8000, help="0 for a free one; default: 8000")
    run.add_argument("--uds", metavar="PATH", help="a Unix socket to listen on instead")
    run.add_argument("--app-dir", default=".", help="where the module is found; default: here")
    run.add_argument("--log-level", choices=_LEVELS, default="info", help="default: %(default)s")
    run.add_argument("--workers", type=_count, default=1, help="processes; uvicorn starts them")
    run.add_argument("--reload", action="store_true", help="start anew when a file changes")
    run.set_defaults(command=_run)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _run(options: argparse.Namespace) -> int:
    try:
        from lifescope.server import serve
    except ImportError as error:  # it says what to install
        _say(str(error))
        return WRONG_USE
    sys.path.insert(0, options.app_dir)
    if options.reload or options.workers > 1:
        return _run_processes(options)
    try:
        app = _load(options.app)
    except _WrongNameError as error:
        _say(str(error))
        return WRONG_USE
    except Exception:
        traceback.print_exc()
        _say(f'the module of "{options.app}" cannot be imported')
        return NOT_STARTED
    return _run_here(serve, app, options)


def _say(text: str) -> None:
    print(f"lifescope: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _run_here(serve: Callable[..., Any], app: Any, options: argparse.Namespace) -> int:
    """Serve in this process, in the event loop that uvicorn would have taken."""
    import uvicorn

    level, log_config = options.log_level, _log_config(options.log_level)
    config = uvicorn.Config(app, log_level=level, log_config=log_config)
    make_loop = getattr(config, "get_loop_factory", lambda: None)()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(_serve(serve, app, options))


def _log_config(level: str) -> dict[str, Any]:
    """Logging as uvicorn sets it up, and the same for our own logger if nobody cares for it."""
    from uvicorn.config import LOGGING_CONFIG

    config = copy.deepcopy(LOGGING_CONFIG)
    if not logging.getLogger("lifescope").hasHandlers():
        config["loggers"]["lifescope"] = {"handlers": ["default"], "level": level.upper()}
    return config


async def _serve(serve: Callable[..., Any], app: Any, options: argparse.Namespace) -> int:
    try:
        server = serve(app, host=options.host, port=options.port, uds=options.uds, signals=True)
        await server.start_serving()
    except ServerClosedError:  # by a signal
        return 0
    except Exception:
        traceback.print_exc()
        _say("the app has not started")
        return NOT_STARTED
    _say(f"serving on {server.url}")
    try:
        await server.wait_closed()
    except Exception:
        traceback.print_exc()
        _say("the app has crashed, or has not stopped in good order")
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
        log_config=_log_config(options.log_level),
        workers=None if options.reload else options.workers,
        reload=options.reload,
        lifespan="on",
    )
    return 0


# --- module:app -----------------------------------------------------------------------------


class _WrongNameError(Exception):
    """The user has named no app."""


def _load(name: str) -> Any:
    """The object that `module:app` names."""
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise _WrongNameError(f'"{name}" is not of the form module:app, such as shop:app')
    found: Any = _import(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _WrongNameError(f'the module "{module_name}" has no "{attribute}"')
        found = getattr(found, part)
    if not callable(found):
        kind = type(found).__name__
        hint = "; container.asgi() makes one of it" if kind == "Container" else ""
        raise _WrongNameError(f'"{name}" is no ASGI app, but an object of type {kind}{hint}')
    return found


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        hint = ""
        if name.endswith(".py") or "/" in name:
            hint = "; write dots instead of slashes, and no .py"
        raise _WrongNameError(
            f'there is no module "{name}"; --app-dir says where it is found{hint}'
        ) from None
