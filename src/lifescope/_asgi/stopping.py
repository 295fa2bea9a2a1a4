"""How to make each server stop from inside, when the app cannot go on (G8).

ASGI has no message for it, and a lifespan that raises after start-up is ignored by servers
(asgiref issue 276). What follows was measured with each of them; docs/explanation/lifespan.md
has the table. Nothing here sends a signal for which the process has no handler.
"""

import logging
import os
import signal
import sys
from contextvars import ContextVar
from typing import Any, NamedTuple

from lifescope._runtime import loops

__all__ = ["Stop", "ask_server", "hides_errors", "is_told_by_error"]

_logger = logging.getLogger("lifescope")

is_told_by_error: ContextVar[bool] = ContextVar("lifescope_is_told_by_error", default=False)
"""Whoever runs this lifespan, or one around it, deals with a crash when the error comes out.

A context variable, because a lifespan below another app, or mounted in it, sees nothing else of
who runs it.
"""


class Stop(NamedTuple):
    """What comes of asking.

    Attributes:
        is_announced: The server stops by itself, and says `lifespan.shutdown` when it is time.
        needs_error: It stops when it is told `lifespan.shutdown.failed`, and not otherwise.
        needs_exit: The process ends, or ends with another code than 0, by `exit_after_task` only.
    """

    is_announced: bool = True
    needs_error: bool = False
    needs_exit: bool = False

    def exit_after_task(self, code: int) -> None:
        """End the event loop, and with it the process, when the task that runs has ended.

        A `SystemExit` out of a callback goes through every server to the interpreter.
        """
        if not self.needs_exit or (self.is_announced and not code):
            return
        # A worker of hypercorn that ends with 0 is replaced, so that nothing would stop.
        loops.exit_after_task(code or 1)


def ask_server() -> Stop:
    """Ask the server that runs this process to stop, gracefully."""
    if is_told_by_error.get():
        return Stop(is_announced=False, needs_error=True)
    handler: Any = signal.getsignal(signal.SIGTERM)
    server: Any = getattr(handler, "__self__", None)
    if _is_of_uvicorn(server):
        server.should_exit = True
        return Stop(needs_exit=True)
    name = next((name for name in _SERVERS if name in sys.modules), None)
    if name == "hypercorn" and loops.is_trio():
        return Stop(is_announced=False, needs_error=True)
    if name is not None and callable(handler):
        os.kill(os.getpid(), signal.SIGTERM)
        return Stop(needs_exit=name == "hypercorn")
    if name == "hypercorn" and _is_worker_process():
        return Stop(is_announced=False, needs_exit=True)
    _logger.critical("the server is not one that can be asked to stop; it answers 503 until then")
    return Stop()


def hides_errors() -> bool:
    """Whether the server shows nothing of what a lifespan tells it about a failing stop."""
    return "hypercorn" in sys.modules and loops.is_trio()


def _is_of_uvicorn(server: object) -> bool:
    modules = (cls.__module__.partition(".")[0] for cls in type(server).__mro__)
    return "uvicorn" in modules and hasattr(server, "should_exit")


def _is_worker_process() -> bool:
    process: Any = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


_SERVERS = ("granian", "gunicorn", "hypercorn")
