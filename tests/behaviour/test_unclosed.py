"""H09: scopes that nobody has closed are told of."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import lifescope
from lifescope import Container, provider

SOURCES = Path(lifescope.__file__).parents[1]


class A:
    pass


def made(log: Any = None) -> Container:
    async def a() -> AsyncIterator[A]:
        yield A()
        if log is not None:
            log("release")

    return Container(provider(a, scope="request"))


PROGRAM = """
import asyncio, gc, sys, warnings
from lifescope import Container, provider

class A:
    pass

container = Container(provider(A, scope="request"))

async def forgets():
    asyncio.get_running_loop().slow_callback_duration = 60  # says so with -X dev
    opening = container.open()
    app = await opening.__aenter__()
    if sys.argv[1] == "request":
        inner = app.open()
        await inner.__aenter__()
    if sys.argv[1] == "closed":
        await opening.__aexit__(None, None, None)
    if sys.argv[1] == "never entered":
        await opening.__aexit__(None, None, None)
        container.open()
    if sys.argv[1] == "failed":
        await opening.__aexit__(None, None, None)
        await fails()

async def fails():
    def broken() -> int:
        raise KeyError
    other = Container(provider(broken, scope="app", eager=True))
    try:
        async with other.open():
            pass
    except KeyError:
        pass

asyncio.run(forgets())
gc.collect()
print("end")
"""


def run(what: str, *options: str) -> str:
    """What a program that forgets to close something says, on stderr."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(PROGRAM), what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(SOURCES)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "end\n"
    return done.stderr


def test_app_scope_that_is_never_closed():
    """H09: It is told of with a ResourceWarning that names the scope and where it was opened."""
    said = run("app", "-W", "always")
    assert said.count("was never closed") == 1
    for text in ('OpenScope "app"', "opened at", "<string>:", "never closed", "not released"):
        assert text in said


def test_request_scope_that_is_never_closed():
    """H09: So is a scope inside another one that is not closed either: each by itself."""
    said = run("request", "-W", "always")
    assert said.count("was never closed") == 2
    assert 'OpenScope "request"' in said
    assert 'OpenScope "app"' in said


def test_creation_stack():
    """H09: With `python -X dev` the warning says on which way the scope was opened."""
    said = run("app", "-X", "dev")
    assert "ResourceWarning" in said
    stack = said[said.index("never closed") :]
    assert "in forgets" in stack
    assert "asyncio" in stack
    assert "in forgets" not in run("app", "-W", "always")


def test_nothing_is_said_by_default():
    """H09: A production run says nothing."""
    assert run("app") == ""


@pytest.mark.parametrize("what", ["closed", "never entered", "failed"])
def test_scope_that_needs_no_closing(what):
    """H09: Closed, never entered, or failed to open: there is nothing to tell."""
    assert run(what, "-X", "dev") == ""


@pytest.mark.anyio
async def test_scopes_that_are_closed():
    """H09: Blocks that end in whichever way give no warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with made().open() as app, app.open() as request:
            await request.get(A)
        with pytest.raises(KeyError):
            async with made().open() as app:
                raise KeyError
        del app, request
        gc.collect()
    assert [w for w in caught if w.category is ResourceWarning] == []


def test_scope_that_is_forgotten_while_the_loop_runs(log):
    """H09: It is told of as soon as nobody is left who could close it."""

    async def use() -> None:
        opening = container.open()
        app = await opening.__aenter__()
        assert not app.closed

    container = made(log)

    async def main() -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            await use()
            gc.collect()
        (warning,) = [w for w in caught if w.category is ResourceWarning]
        assert 'OpenScope "app"' in str(warning.message)
        assert "test_unclosed.py:" in str(warning.message)

    asyncio.run(main())
    assert log.events == []
