"""A process that serves `server.commanded`, and what one can do with it from outside.

Nothing here waits for a time; it reads what the process says, line by line, with a deadline.
"""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

TESTS = Path(__file__).parents[1]
LIMIT = 30
"""Seconds that a process may take to say what it is expected to say, or to end."""

SERVING = r"lifescope: serving on (\S+)"
RUN = ("-m", "lifescope", "run", "server.commanded:app", "--port", "0", "--app-dir", str(TESTS))


class Process:
    """A process, and the lines that it has said so far, on both streams."""

    def __init__(self, *arguments: str, does: str = "") -> None:
        self.lines: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            cwd=TESTS,
            env={**os.environ, "LIFESCOPE_TEST_DOES": does, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def events(self) -> list[str]:
        """What the app has said."""
        return [line.removeprefix("event: ") for line in self.lines if line.startswith("event: ")]

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                line = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                pytest.fail(f"nothing says {pattern!r}:\n{self.text}")
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match

    def serving(self) -> str:
        """Wait for the start; the URL."""
        return self.until(SERVING)[1]

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        code = self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        while (line := self._new.get(timeout=LIMIT)) is not None:
            self.lines.append(line)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(LIMIT)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def running(*arguments: str, does: str = "") -> Iterator[Process]:
    process = Process(*arguments, does=does)
    try:
        yield process
    finally:
        process.kill()


def get(url: str, path: str = "/") -> Any:
    return httpx2.get(url + path, timeout=LIMIT, trust_env=False)
