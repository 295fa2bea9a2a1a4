"""Starts server processes as forks of one that has imported what they need; run as a module.

For each line that it reads, it does what the line says as JSON, and writes a line with an answer:
a job is started, and its process id written; of a process id, the exit code is, or null.
What has been imported is libraries, never the app under test, and no server. A fork does then
what `python -m` does, in a session of its own, down to the end of its interpreter.
"""

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
        """That of a process, None if it is running; to be asked until there is one."""
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


def next_job() -> Any:
    """Answer what is asked; gives the job in the process of a job, None at the end."""
    for library in LIBRARIES:
        with suppress(ImportError):  # there is no wheel of it for this interpreter
            importlib.import_module(library)
    gc.collect()
    gc.freeze()  # to look at all that in each fork would copy it
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            pid, status = os.waitpid(asked, os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            return asked
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
