"""A program of examples/ under a real uvicorn, started and stopped by the scripts."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_READY = re.compile(r"Uvicorn running on (http://\S+)")
_START_LIMIT = 60.0  # seconds
_STOP_LIMIT = 20.0
_POLL = 0.05


class ServerError(Exception):
    """Raised when the server did not start or did not stop."""


@dataclass
class Server:
    """A running uvicorn."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def read_log(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Ask the server to stop, and wait for it; its exit code, negative for a signal."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            raise ServerError(f"it has not stopped after {_STOP_LIMIT:.0f} s") from None

    def wait_until_ready(self) -> None:
        """Wait for the line of the log that says where the server listens."""
        deadline = time.monotonic() + _START_LIMIT
        while (ready := _READY.search(self.read_log())) is None:
            if (code := self.process.poll()) is not None:
                raise ServerError(f"it ended with exit code {code} before it was ready")
            if time.monotonic() > deadline:
                raise ServerError(f"it is not ready after {_START_LIMIT:.0f} s")
            time.sleep(_POLL)
        self.url = ready[1]


@contextmanager
def launch(app: str, *, app_dir: Path, folder: Path, env: Mapping[str, str]) -> Generator[Server]:
    """Start uvicorn with *app* on a free port; its working directory and log are in *folder*.

    Yields:
        The server, which need not be ready yet. It is killed at the end if it still runs.
    """
    log = folder / "server.log"
    # Port 0 lets the operating system choose, so that no other program can take it in between.
    options = ["--app-dir", str(app_dir), "--host", "127.0.0.1", "--port", "0", "--no-use-colors"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", app, *options],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
