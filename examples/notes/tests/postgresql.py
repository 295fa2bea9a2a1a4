"""A PostgreSQL server of our own for tests: a private directory, port and password."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

START_TIMEOUT = 60.0  # seconds; only a broken server takes this long
STOP_TIMEOUT = 30.0
SUPERUSER = "notes"
LOGIN = ("--host=127.0.0.1", f"--username={SUPERUSER}")


class UnavailableError(Exception):
    """Raised when this machine cannot run a server; the text says why."""


class Account(TypedDict):
    """Who runs the server, as arguments of `subprocess.Popen`; None is whoever runs the tests."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True)
class Server:
    """A running server."""

    binaries: Path
    port: int
    password: str = field(repr=False)

    def create_database(self, name: str) -> str:
        """Create an empty database; give its URL for SQLAlchemy."""
        subprocess.run(
            [self.binaries / "createdb", f"--port={self.port}", *LOGIN, name],
            check=True,
            env={**os.environ, "PGPASSWORD": self.password},
        )
        return f"postgresql+asyncpg://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{name}"


@contextmanager
def running_server() -> Generator[Server]:
    """Run a server during the block.

    Raises:
        UnavailableError: There are no PostgreSQL binaries, or nobody who may run them.
    """
    binaries = find_binaries()
    account = find_account()
    # Not below pytest's temporary directory: nobody but the user who runs pytest can enter that.
    with tempfile.TemporaryDirectory(prefix="notes-postgresql-") as name:
        directory = Path(name)
        password = secrets.token_hex(16)
        initialise(binaries, directory, account, password)
        process, port = start(binaries, directory, account)
        try:
            yield Server(binaries, port, password)
        finally:
            stop(process)


def find_binaries() -> Path:
    """The directory of `postgres`, `initdb` and the others."""
    if sys.platform == "win32":
        raise UnavailableError("this fixture stops PostgreSQL with POSIX signals")
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).resolve().parent
    # Debian keeps the server out of PATH, in a directory for each major version.
    servers = Path("/usr/lib/postgresql").glob("[0-9]*/bin/postgres")
    newest = max(servers, key=lambda path: int(path.parts[-3]), default=None)
    if newest is None:
        raise UnavailableError("no PostgreSQL server binary is installed")
    return newest.parent


def find_account() -> Account:
    """Somebody who is not root, because PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return Account(user=None, group=None, extra_groups=None)
    import pwd  # only where there are accounts of this kind

    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = accounts.get("postgres") or accounts.get("nobody")
    if entry is None:
        raise UnavailableError("PostgreSQL does not run as root, and there is nobody else")
    return Account(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])


def initialise(binaries: Path, directory: Path, account: Account, password: str) -> None:
    """Make the server's data directory."""
    password_file = directory / "password"
    password_file.write_text(password)
    if account["user"] is not None:
        for path in (password_file, directory):
            shutil.chown(path, account["user"], account["group"])
    command: list[str | Path] = [
        binaries / "initdb",
        f"--pgdata={directory / 'data'}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    log = directory / "initdb.log"
    with log.open("wb") as output:
        done = subprocess.run(
            command, check=False, cwd=directory, stdout=output, stderr=output, **account
        )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{log.read_text()}")


def start(binaries: Path, directory: Path, account: Account) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server and wait until it accepts connections; give it and its port."""
    log = directory / "postgres.log"
    for _ in range(3):  # another program can take the port that was free just now
        port = free_port()
        process = launch(binaries, directory, account, port, log)
        try:
            if wait_until_ready(process, binaries, port):
                return process, port
        except BaseException:
            stop(process)
            raise
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(
    binaries: Path, directory: Path, account: Account, port: int, log: Path
) -> subprocess.Popen[bytes]:
    """Start the server process."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        # Nothing here shall survive a power failure.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    with log.open("ab") as output:
        return subprocess.Popen(
            [binaries / "postgres", "-D", directory / "data", *options],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **account,
        )


def wait_until_ready(process: subprocess.Popen[bytes], binaries: Path, port: int) -> bool:
    """Wait until the server accepts connections; False when it has ended instead."""
    command: list[str | Path] = [binaries / "pg_isready", "--quiet", f"--port={port}", *LOGIN]
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None:
        if subprocess.run(command, check=False).returncode == 0:
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL was not ready after {START_TIMEOUT:.0f} s")
        time.sleep(0.02)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and wait for its end."""
    process.send_signal(signal.SIGINT)  # "fast": disconnects clients and writes everything out
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
