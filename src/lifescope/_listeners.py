"""The sockets of a server: bound before the app starts, and closed after it has stopped.

Bound but not listening: a client that comes too early is refused, as it is by other servers,
and does not wait for a start that may fail.
"""

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Listeners"]

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean every interface, and one of each under which a client gets there."""

_EVERYBODY = 0o666
"""Who may connect to a Unix socket that was not there before; as uvicorn has it."""


class Listeners:
    """Sockets, bound when the block is entered, and closed at its end.

    Args:
        host: The address; one with a colon is an IPv6 address.
        port: The port; 0 for a free one.
        uds: The path of a Unix socket instead.
        given: Sockets that are bound already, instead.

    Attributes:
        sockets: The bound sockets; none before the block.
    """

    def __init__(
        self, host: str, port: int, uds: str | None, given: Sequence[socket.socket] | None
    ) -> None:
        if given is not None and not given:
            raise ValueError("sockets= holds no socket to listen on")
        if given is not None and uds is not None:
            raise ValueError("of uds= and sockets= only one can be told")
        self._address = host, port
        self._path = uds
        self._given = given
        self._file: tuple[int, int] | None = None
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> None:
        """Bind. Raises OSError, if the address cannot be had."""
        if self._given is not None:
            self.sockets = list(self._given)
        elif self._path is not None:
            self.sockets = [_bind_path(self._path)]
            self._file = _file_at(self._path)
        else:
            self.sockets = [_bind_address(*self._address)]

    def __exit__(self, *_: object) -> None:
        """Close all, and remove the file of the Unix socket."""
        for each in self.sockets:
            each.close()
        # Another server may have put its own socket in the place of ours, to take over.
        if self._path is not None and self._file and _file_at(self._path) == self._file:
            Path(self._path).unlink(missing_ok=True)

    def address(self) -> str | tuple[str, int]:
        """Where a client finds the first socket: a path, or host and port."""
        name: Any = self.sockets[0].getsockname()
        if isinstance(name, bytes):  # Linux's sockets without a file, whose name begins with \0
            return name.decode()
        if isinstance(name, str):
            return name
        host: str = name[0]
        return _ANY.get(host, host), name[1]


def _bind_address(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # the same everywhere, whatever the system's default
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _bind_path(path: str) -> socket.socket:
    """A Unix socket; one that was left behind is replaced, as uvicorn does."""
    mode = _socket_mode(path)
    if mode is not None:
        Path(path).unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
        if not path.startswith("\0"):
            Path(path).chmod(_EVERYBODY if mode is None else mode)
    except BaseException:
        bound.close()
        raise
    return bound


def _socket_mode(path: str) -> int | None:
    """Who may use the socket at *path*; None where there is no socket."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, ValueError):  # a path with \0 is none
        return None
    return stat.S_IMODE(mode) if stat.S_ISSOCK(mode) else None


def _file_at(path: str) -> tuple[int, int] | None:
    """What tells the file at *path* from any other; None where there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, ValueError):
        return None
    return found.st_dev, found.st_ino
