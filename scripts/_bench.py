"""benchmarks/peers, in an environment with all that it compares. Its options are passed on."""

import os
import sys
from pathlib import Path

from _environments import Recipe, current_interpreter, prepare
from _steps import ROOT, Reporter, clean_environ, stop_on_sigterm

_MEASURES_NOTHING = {"-h", "--help", "--list", "--render"}


def main() -> int:
    options = sys.argv[1:]
    if _MEASURES_NOTHING.intersection(options):
        return _become(sys.executable, options)
    recipe = Recipe("bench", current_interpreter(), ("bench",), editable=True)
    try:
        stop_on_sigterm()
        environment = prepare(recipe, Reporter())
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 130
    return 1 if environment is None else _become(environment.python, options)


def _become(python: str | Path, options: list[str]) -> int:
    """Go on as the benchmark, so that signals and the exit code are its own."""
    sys.stdout.flush()
    os.chdir(ROOT)
    command = [str(python), "-m", "benchmarks.peers", *options]
    os.execve(command[0], command, clean_environ())


if __name__ == "__main__":
    sys.exit(main())
