"""`lifescope run module:app`: serve an app with uvicorn, inside its lifespan."""

import argparse
import asyncio
import copy
import logging
import traceback
from collections.abc import Callable
from typing import Any

from lifescope import ServerClosedError
from lifescope.cli._codes import CRASHED, NOT_STARTED, WRONG_USE
from lifescope.cli._loading import find_here, load, load_app
from lifescope.cli._terminal import say

__all__ = ["add_to"]

_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
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
    run.set_defaults(command=_run, refused=NOT_STARTED)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _run(options: argparse.Namespace) -> int:
    try:
        from lifescope.server import serve
    except ImportError as error:  # it says what to install
        say(str(error))
        return WRONG_USE
    find_here(options.app_dir)
    if options.reload or options.workers > 1:
        return _run_processes(options)
    return _run_here(serve, load(options.app, load_app), options)


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
        say("the app has not started")
        return NOT_STARTED
    say(f"serving on {server.url}")
    try:
        await server.wait_closed()
    except Exception:
        traceback.print_exc()
        say("the app has crashed, or has not stopped in good order")
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
