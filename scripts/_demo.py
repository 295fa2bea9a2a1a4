"""The notes application of examples/notes: started for a person, or driven by --check."""

import argparse
import os
import sys

from _environments import Environment, Recipe, current_interpreter
from _serving import HOST, problem_with
from _starting import become, prepared
from _steps import CACHE, ROOT


def main() -> int:
    arguments = _arguments()
    recipe = Recipe("demo", current_interpreter(), ("examples",), editable=True)
    environment = prepared(recipe, verbose=arguments.verbose)
    if arguments.check:
        return become(environment.python, ROOT / "scripts" / "_drive_notes.py")
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
    problem = problem_with(port, "scripts/demo")
    if problem:
        print(problem, file=sys.stderr)
        return 1
    folder = CACHE / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ.setdefault("NOTES_DATABASE_URL", "sqlite+aiosqlite:///notes.db")
    url = f"http://{HOST}:{port}/"
    print(f"The notes application starts. Open {url} (its API: {url}docs). Ctrl-C stops it.\n")
    options = ["--app-dir", ROOT / "examples", "--host", HOST, "--port", port]
    return become(environment.python, "-m", "uvicorn", "notes.app:app", *options)


if __name__ == "__main__":
    sys.exit(main())
