"""A program in a process of its own, and what one can do with it from outside.

Nothing here waits for a time; it reads what the program says, line by line, with a deadline.
"""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

EXAMPLES = Path(__file__).parents[2]
LIMIT = 30
"""Seconds that a program may take to say what it is expected to say, or to end."""


class Program:
    """A running program, and the lines that it has said so far, on both streams."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        self._new = queue.Queue[str | None]()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, pattern: str) -> bool:
        """Read on until a line has *pattern*; False if the program ends without one."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                line = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"nothing said {pattern!r}:\n{self.text}") from None
            if line is None:
                self._new.put(None)  # for whoever reads on
                return False
            self.lines.append(line)
            if re.search(pattern, line):
                return True

    def send_signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal, as a process manager does."""
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end; the exit code."""
        self.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Read everything up to the end; the exit code."""
        while self.until(""):
            pass
        return self._process.wait(LIMIT)

    def kill(self) -> None:
        """End the program and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def running(
    *command: str | Path, env: Mapping[str, str] | None = None, text: str = ""
) -> Generator[Program]:
    """Run *command* in the folder of the examples, with *text* as its input."""
    process = subprocess.Popen(
        command,
        cwd=EXAMPLES,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its own processes can be ended with it
    )
    program = Program(process)
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(text)
        yield program
    finally:
        program.kill()
