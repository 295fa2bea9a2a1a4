"""Programs with one mistake each: what they raise is what the golden files hold.

A program is a function that goes wrong. Coroutine functions run on asyncio, on virtual time.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

import virtual_time
from lifescope import LifescopeError

__all__ = ["PROGRAMS", "ROOT", "SECRET", "in_root", "program", "raised"]

ROOT = Path(__file__).parents[2]

SECRET = "hunter2"
"""What the programs have for a password. No text may show it."""

PROGRAMS: dict[str, Callable[[], Any]] = {}
"""Name of the golden file to program."""


def program(function: Callable[[], Any]) -> Callable[[], Any]:
    """Mark one; its name is that of the golden file."""
    assert function.__name__ not in PROGRAMS
    PROGRAMS[function.__name__] = function
    return function


@contextmanager
def in_root() -> Iterator[None]:
    """Places are relative to the working directory."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(before)


@functools.cache
def raised(name: str) -> LifescopeError:
    """What a program raises, or returns."""
    function = PROGRAMS[name]
    with in_root():
        try:
            if inspect.iscoroutinefunction(function):
                options = {"loop_factory": virtual_time.VirtualLoop}
                error = anyio.run(function, backend="asyncio", backend_options=options)
            else:
                error = function()
        except LifescopeError as caught:
            error = caught
    assert isinstance(error, LifescopeError), f"{name} does not go wrong"
    return error
