"""`lifescope check`, in a process of its own for each program; run as a script.

For each line that it reads, a folder and the name of an app as JSON, it writes a line with what
the command has said. The libraries that the examples use are imported once, and what is checked
runs in a fork: nothing is left of one program when the next is looked at, and each takes a tenth
of the time.
"""

import gc
import importlib
import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

LIBRARIES = (
    "email.generator",
    "fastapi",
    "httpx",
    "lifescope.cli",
    "lifescope.integrations.fastapi",
    "mailbox",
    "pydantic.v1",
    "redis.asyncio",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "taskiq_redis",
)


def main() -> None:
    """Check one program after the other."""
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.disable()  # a fork is over soon, and to look at everything would copy everything
    gc.freeze()
    for line in sys.stdin:
        folder, name = json.loads(line)
        child = os.fork()
        if child == 0:
            print(json.dumps(check(folder, name)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def check(folder: str, name: str) -> tuple[object, str, str]:
    """What `check` says of the app *name* in *folder*."""
    from lifescope import cli

    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main(["check", name])
    except SystemExit as end:
        return end.code, out.getvalue(), err.getvalue()
    raise AssertionError("a command ends with an exit code")


if __name__ == "__main__":
    main()
