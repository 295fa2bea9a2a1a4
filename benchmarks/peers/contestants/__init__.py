"""The contestants, in the order of the columns. Each is a module here with a `CONTESTANT`."""

import importlib

from benchmarks.peers.contestants.contestant import Contestant

NAMES = (
    "hand",
    "floor",
    "lifescope",
    "wireup",
    "wireup_classes",
    "dishka",
    "aioinject",
    "svcs",
    "modern_di",
    "that_depends",
    "dependency_injector",
    "di",
    "fastapi_depends",
    "litestar_provide",
)
"""The first is the baseline of all ratios."""

BASELINE = NAMES[0]
CONTAINERS = tuple(name for name in NAMES if name not in {"hand", "floor"})


def load(name: str) -> Contestant:
    """A new contestant.

    Raises:
        ImportError: What it needs is not installed.
    """
    module = importlib.import_module(f"benchmarks.peers.contestants.{name}")
    contestant: Contestant = module.CONTESTANT()
    return contestant
