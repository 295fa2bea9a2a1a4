"""The page "Deploy": its commands start the service, and stop it in good order."""

import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

HERE = Path(__file__).parent
LIMIT = 30  # seconds that a server may take to start, or to stop


def commands() -> list[list[str]]:
    text = (HERE / "commands.sh").read_text(encoding="utf-8").replace("\\\n", "")
    lines = (shlex.split(line, comments=True) for line in text.splitlines())
    return [line for line in lines if line]


def instructions(name: str) -> list[str]:
    """What follows *name* in the Dockerfile."""
    lines = (HERE / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} ")]


def title(command: list[str]) -> str:
    return " ".join([command[0], *(part for part in command if part == "trio")])


@contextmanager
def running(
    command: list[str], folder: Path
) -> Generator[tuple[str, subprocess.Popen[bytes], Path]]:
    """The URL, the process and the output of a server; it is gone afterwards."""
    output = folder / "output"
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(on_loopback(part, port) for part in command)],
            cwd=HERE,
            env={**os.environ, "HOME": str(folder)},  # gunicorn keeps a socket there
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}", process, output
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def on_loopback(part: str, port: str) -> str:
    return part.replace("0.0.0.0", "127.0.0.1").replace("8000", port)


def until(condition: Callable[[], bool], output: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(output.read_text(encoding="utf-8"))
        time.sleep(0.02)


def printed(output: Path, line: str) -> int:
    """How often a server has printed *line*."""
    return output.read_text(encoding="utf-8").splitlines().count(line)


def is_ready(url: str) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"{url}/ready", trust_env=False).text == "ready"
    return False


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command,
            id=title(command),
            marks=pytest.mark.skipif(
                importlib.util.find_spec(command[0]) is None, reason=f"there is no {command[0]}"
            ),
        )
        for command in commands()
    ],
)
def test_command_serves_and_stops(command: list[str], tmp_path: Path) -> None:
    """G9: on SIGTERM each of the workers releases what its app has."""
    with running(command, tmp_path) as (url, process, output):
        until(lambda: is_ready(url), output)
        workers = 2 if "--workers 2" in " ".join(command) else 1
        until(lambda: printed(output, "the database is there") == workers, output)
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None, output)
        assert printed(output, "the database is released") == workers
        assert process.returncode in (0, -signal.SIGTERM)


def test_image_has_what_it_runs() -> None:
    """What the Dockerfile copies is there, and what it starts is a command of the page."""
    for copied in instructions("COPY"):
        assert (HERE / copied.split()[0]).is_file()
    assert [json.loads(line) for line in instructions("CMD")] == commands()[:1]


def test_image_is_checked_while_it_is_built() -> None:
    (check,) = [json.loads(line) for line in instructions("RUN") if line.startswith("[")]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=HERE, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
