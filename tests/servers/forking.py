"""Starts server processes as forks of one that has imported what they need; run as a module.

For each line that it reads, it does what the line says as JSON, and writes a line with an answer:
a job is started, and its process id written; of a process id, the exit code is, or null.
What has been imported is libraries, never the app under test, and no server. A fork does then
what `python -m` does, in a session of its own, down to the end of its interpreter.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# What apps and servers need. No server, and no event loop: the code under test looks at which of
# them have been imported.
LIBRARIES = (
    "click",
    "fastapi",
    "h11",
    "httptools",
    "lifescope",
    "lifescope.integrations.fastapi",
    "logging.config",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.resource_tracker",
    "multiprocessing.synchronize",
    "starlette.applications",
    "starlette.background",
    "websockets.asyncio.server",
    "websockets.legacy.server",
)


class Starter:
    """The process that starts others; any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "servers.forking"],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, arguments: list[str], environment: Mapping[str, str], output: Path) -> int:
        """Start what `python -m` would with *arguments*; gives its process id."""
        pid = self._ask([arguments, dict(environment), str(output)])
        assert isinstance(pid, int)
        return pid

    def exit_code(self, pid: int) -> int | None:
        """That of a process, None if it is running; nothing stays of processes that have ended."""
        code = self._ask(pid)
        assert code is None or isinstance(code, int)
        return code

    def _ask(self, what: object) -> object:
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        with self._lock:
            print(json.dumps(what), file=asking, flush=True)
            return json.loads(answering.readline())

    def end(self) -> None:
        """End it; what it has started is the business of others."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


def adopt_orphans() -> None:
    """Be the parent of workers whose own one has ended, where the system can do that.

    They are there until their parent has asked for their exit codes; init may take seconds.
    """
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1)


def reap(codes: dict[int, int]) -> None:
    """Note the exit codes of all that has ended."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])


def next_job() -> Any:
    """Answer what is asked; gives the job in the process of a job, None at the end."""
    for library in LIBRARIES:
        with suppress(ImportError):  # there is no wheel of it for this interpreter
            importlib.import_module(library)
    adopt_orphans()
    codes: dict[int, int] = {}
    gc.collect()
    gc.freeze()  # to look at all that in each fork would copy it
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            reap(codes)
            print(json.dumps(codes.get(asked)), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            return asked
        codes.pop(pid, None)  # of an earlier process with this id
        print(pid, flush=True)
    return None


def become(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """What a new process would have, and `python -m` does with it."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(nothing)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments[1:]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    job = next_job()
    if job is not None:
        become(*job)
