"""What the scripts share that make an environment, and then go on as a program in it."""

import os
import sys

from _environments import Environment, Recipe, prepare
from _steps import Reporter, clean_environ, stop_on_sigterm


def prepared(recipe: Recipe, *, verbose: bool = False) -> Environment:
    """The environment of *recipe*; the program ends if that is interrupted, or fails."""
    try:
        stop_on_sigterm()
        environment = prepare(recipe, Reporter(verbose=verbose))
    except KeyboardInterrupt:
        print("\ninterrupted")
        sys.exit(130)
    if environment is None:
        sys.exit(1)
    return environment


def become(python: object, *arguments: object) -> int:
    """Go on as *python* with *arguments*, so that signals and the exit code are its own."""
    sys.stdout.flush()
    os.execve(str(python), [*map(str, (python, *arguments))], clean_environ())
