"""What the scripts that serve something on this machine share."""

import errno
import socket

HOST = "127.0.0.1"


def problem_with(port: int, command: str) -> str | None:
    """Why nothing can listen on *port*, with the *command* that can; None if something can."""
    if not 0 < port < 65536:
        return f"There is no port {port}."
    with socket.socket() as probe:
        # As uvicorn does: a port whose last connections are still being closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                free = port + 1 if port < 65535 else port - 1
                return f"Port {port} is taken. Try another: {command} --port {free}"
            return f"Cannot listen on port {port}: {error.strerror}."
    return None
