"""The harness's side of the contestants' processes: start them, ask them, end them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_PATIENCE = 300.0
"""Seconds for an answer: building the largest graph takes some contestants a while."""

Answer = dict[str, Any]


class WorkerError(Exception):
    """A contestant could not do what it was asked; the text says why."""


class Worker:
    """A process of one contestant. One that has hung or died is started again when needed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[str] | None = None
        self.about = self._start()

    def ask(self, message: Any) -> Answer:
        """Send *message*, and wait for the answer.

        Raises:
            WorkerError: The answer is an error, or there is none.
        """
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            self.kill()
            raise WorkerError("its process has ended") from None
        return self.listen()

    def listen(self) -> Answer:
        """Wait for the next answer.

        Raises:
            WorkerError: It is an error, or there is none.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        timer = threading.Timer(_PATIENCE, self._signal)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            self.kill()
            raise WorkerError(f"no answer within {_PATIENCE:.0f} s")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def kill(self) -> None:
        """End the process and what it has forked."""
        if self._process is None:
            return
        self._signal()
        self._process.communicate()
        self._process = None

    def _start(self) -> Answer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self.listen()

    def _signal(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def started(names: list[str]) -> Iterator[tuple[dict[str, Worker], dict[str, str]]]:
    """The workers of these contestants, and why others could not start."""
    workers: dict[str, Worker] = {}
    missing: dict[str, str] = {}
    try:
        for name in names:
            try:
                workers[name] = Worker(name)
            except WorkerError as error:
                missing[name] = str(error)
        yield workers, missing
    finally:
        for worker in workers.values():
            worker.kill()
