"""benchmarks/peers, in an environment with all that it compares. Its options are passed on."""

import os
import sys

from _environments import Recipe, current_interpreter
from _starting import become, prepared
from _steps import ROOT

_MEASURES_NOTHING = {"-h", "--help", "--list", "--render"}


def main() -> int:
    options = sys.argv[1:]
    python: object = sys.executable
    if not _MEASURES_NOTHING.intersection(options):
        recipe = Recipe("bench", current_interpreter(), ("bench",), editable=True)
        python = prepared(recipe).python
    os.chdir(ROOT)
    return become(python, "-m", "benchmarks.peers", *options)


if __name__ == "__main__":
    sys.exit(main())
