"""A Redis server of our own for tests: a private directory, port and password."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from jobs.tests.processes import running


class UnavailableError(Exception):
    """Raised when this machine cannot run a server; the text says why."""


@contextmanager
def running_server() -> Generator[str]:
    """Run a server during the block, and give its URL.

    Raises:
        UnavailableError: There is no `redis-server`.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        raise UnavailableError(
            "no redis-server is installed, and these tests need a real one; on Debian it is in "
            "the package redis-server, and .ci/run installs that"
        )
    said = ""
    for _ in range(3):  # another program can take the port that was free just now
        port, password = free_port(), secrets.token_hex(16)
        with tempfile.TemporaryDirectory(prefix="jobs-redis-") as folder:
            settings = {
                "bind": "127.0.0.1",
                "port": port,
                "requirepass": password,
                "dir": folder,
                "save": '""',  # nothing here shall survive
                "appendonly": "no",
            }
            # Not as arguments: everybody on the machine could read the password.
            text = "".join(f"{name} {value}\n" for name, value in settings.items())
            with running(binary, "-", text=text) as server:
                if server.until("Ready to accept connections"):
                    yield f"redis://:{password}@127.0.0.1:{port}/0"
                    return
                said = server.text
    raise RuntimeError(f"redis-server did not start:\n{said}")


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
