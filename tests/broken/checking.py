"""`lifescope check`, in a process of its own for each program; run as a script.

It reads a list of folders and names of apps, and writes for each what the command has said. The
libraries that the examples use are imported once, and what is checked runs in a fork: so there
is nothing left of one program when the next is looked at, and all together take seconds.
"""

import importlib
import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

LIBRARIES = ("fastapi", "httpx", "redis.asyncio", "sqlalchemy.ext.asyncio", "taskiq_redis")


def main() -> None:
    """Check one program after the other."""
    for library in (*LIBRARIES, "lifescope.cli", "lifescope.integrations.fastapi"):
        importlib.import_module(library)
    programs = json.load(sys.stdin)
    json.dump([check_in_fork(folder, name) for folder, name in programs], sys.stdout)


def check_in_fork(folder: str, name: str) -> tuple[int, str, str]:
    """What `check` says of the app *name* in *folder*."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with open(writing, "w", encoding="utf-8") as answer:
            json.dump(check(folder, name), answer)
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    code, out, err = json.loads(text)
    return code, out, err


def check(folder: str, name: str) -> tuple[int, str, str]:
    """The same, here."""
    from lifescope import cli

    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main(["check", name])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    main()
