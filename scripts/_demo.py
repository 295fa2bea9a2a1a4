"""The notes application of examples/notes: started for a person, or driven by --check."""

import argparse
import errno
import os
import socket
import sys

from _environments import Environment, Recipe, current_interpreter, prepare
from _steps import CACHE, ROOT, Reporter, clean_environ, stop_on_sigterm

_HOST = "127.0.0.1"


def main() -> int:
    arguments = _arguments()
    recipe = Recipe("demo", current_interpreter(), ("examples",), editable=True)
    try:
        stop_on_sigterm()
        environment = prepare(recipe, Reporter(verbose=arguments.verbose))
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 130
    if environment is None:
        return 1
    if arguments.check:
        return _become(environment, ROOT / "scripts" / "_drive_notes.py")
    return _serve(environment, arguments.port)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Start the notes application. Its database is .cache/demo/notes.db,"
        " unless NOTES_DATABASE_URL names another.",
    )
    parser.add_argument("--port", type=int, default=8000, help="where to listen (default 8000)")
    parser.add_argument(
        "--check", action="store_true", help="drive it on a free port, stop it, say what worked"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show all output")
    return parser.parse_args()


def _serve(environment: Environment, port: int) -> int:
    problem = _problem_with(port)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    folder = CACHE / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ.setdefault("NOTES_DATABASE_URL", "sqlite+aiosqlite:///notes.db")
    url = f"http://{_HOST}:{port}/"
    print(f"The notes application starts. Open {url} (its API: {url}docs). Ctrl-C stops it.\n")
    options = ["--app-dir", ROOT / "examples", "--host", _HOST, "--port", port]
    return _become(environment, "-m", "uvicorn", "notes.app:app", *options)


def _problem_with(port: int) -> str | None:
    """Why nothing can listen on *port*; None if something can."""
    if not 0 < port < 65536:
        return f"There is no port {port}."
    with socket.socket() as probe:
        # As uvicorn does: a port whose last connections are still being closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                free = port + 1 if port < 65535 else port - 1
                return f"Port {port} is taken. Try another: scripts/demo --port {free}"
            return f"Cannot listen on port {port}: {error.strerror}."
    return None


def _become(environment: Environment, *arguments: object) -> int:
    """Go on as the environment's Python, so that signals and the exit code are its own."""
    sys.stdout.flush()
    python = str(environment.python)
    os.execve(python, [python, *map(str, arguments)], clean_environ())


if __name__ == "__main__":
    sys.exit(main())
