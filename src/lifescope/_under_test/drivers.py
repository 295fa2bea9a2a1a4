"""Drivers: how code that is not async runs something in the event loop of a test.

pytest calls fixtures from code that is not async; each plugin for async tests has an event
loop that waits meanwhile. What a driver is asked to run is never cancelled together with a
test, and what it raises is raised as if it had been called directly.
"""

import contextlib
import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any, TypeVar, cast

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from anyio.pytest_plugin import extract_backend_and_options, get_runner

import lifescope

__all__ = ["Driver", "async_driver", "has_pytest_asyncio", "is_async", "portal_driver"]

T = TypeVar("T")

SCOPES = ("function", "class", "module", "package", "session")
"""Of pytest, the narrowest first."""


class Driver(ABC):
    """Runs things in one event loop, from outside of it."""

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """What *function* returns, awaited in the event loop."""
        __tracebackhide__ = True
        if self._is_busy():
            raise RuntimeError(
                "the event loop of this test is running: fixtures of lifescope have to be "
                "parameters, request.getfixturevalue() in an async function cannot wait for them"
            )
        value, error = self._run(partial(_outcome, function))
        if error is not None:
            raise _as_called_directly(error)
        return cast("T", value)

    def run_visibly(self, function: Callable[[], None]) -> None:
        """Call *function* where the test sees which context variables it sets."""
        function()

    @abstractmethod
    def _run(self, function: Callable[[], Awaitable[Any]]) -> Any: ...

    def _is_busy(self) -> bool:
        return False


class _OnAnyio(Driver):
    """In the task in which anyio's plugin runs all fixtures and tests."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def _run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        return self._runner.run_fixture(function, {})

    def _is_busy(self) -> bool:
        return bool(self._runner.is_running())

    def run_visibly(self, function: Callable[[], None]) -> None:
        async def call() -> None:
            function()

        self._runner.run_fixture(call, {})


class _OnLoop(Driver):
    """In pytest-asyncio's event loop; its tests see the context of whoever starts them."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def _run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        return self._loop.run_until_complete(function())

    def _is_busy(self) -> bool:
        return bool(self._loop.is_running())


class OnPortal(Driver):
    """In an event loop in another thread, for tests that are not async."""

    def __init__(self, portal: BlockingPortal) -> None:
        self.portal = portal

    def _run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        return self.portal.call(function)

    def run_visibly(self, function: Callable[[], None]) -> None:
        """Nothing can be seen: the test runs in another event loop than its scopes."""


async def _outcome(function: Callable[[], Awaitable[T]]) -> tuple[T | None, Exception | None]:
    """What *function* returns, or raises."""
    try:
        return await function(), None
    except Exception as error:
        return None, error


# --- which one ------------------------------------------------------------------------------


def is_async(test: Any) -> bool:
    """Whether *test*, an item of pytest, is async."""
    function: Any = test.obj
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if test.get_closest_marker("asyncio") is not None:
        inner = inspect.unwrap(inner)  # while it runs, pytest-asyncio has wrapped it
    return inspect.iscoroutinefunction(inner)


def has_pytest_asyncio(config: pytest.Config) -> bool:
    """Whether pytest-asyncio is active, under whatever name."""
    plugin = sys.modules.get("pytest_asyncio.plugin")
    return plugin is not None and config.pluginmanager.is_registered(plugin)


@contextlib.contextmanager
def async_driver(request: pytest.FixtureRequest) -> Generator[Driver]:
    """The event loop of an async test, whichever plugin runs it."""
    if "anyio_backend" in request.fixturenames:
        name, options = extract_backend_and_options(_anyio_backend(request))
        with get_runner(name, options) as runner:
            yield _OnAnyio(runner)
    elif has_pytest_asyncio(request.config):
        yield _OnLoop(_pytest_asyncio_loop(request))
    else:
        pytest.fail(
            "lifescope's async fixtures need a plugin that runs async tests: mark the test with "
            "@pytest.mark.anyio, or install pytest-asyncio. Tests that are not async use "
            "lifescope_client.",
            pytrace=False,
        )


@contextlib.contextmanager
def portal_driver(request: pytest.FixtureRequest) -> Generator[OnPortal]:
    """An event loop in another thread."""
    name, options = "asyncio", dict[str, Any]()
    if "anyio_backend" in request.fixturenames:
        name, options = extract_backend_and_options(_anyio_backend(request))
    with start_blocking_portal(name, options) as portal:
        yield OnPortal(portal)


def _anyio_backend(request: pytest.FixtureRequest) -> Any:
    try:
        return request.getfixturevalue("anyio_backend")
    except pytest.fail.Exception as error:
        if "ScopeMismatch" not in str(error):
            raise
    return _fail_on_scopes(
        request,
        'the fixture "anyio_backend" has a narrower scope',
        f'override it with one of scope "{request.scope}" in conftest.py',
    )


def _pytest_asyncio_loop(request: pytest.FixtureRequest) -> Any:
    item = request._pyfuncitem
    marker = item.get_closest_marker("asyncio")
    told = dict[str, Any]() if marker is None else marker.kwargs
    scope = str(
        told.get("loop_scope")
        or told.get("scope")
        or request.config.getini("asyncio_default_test_loop_scope")
    )
    if SCOPES.index(scope) < SCOPES.index(request.scope):
        _fail_on_scopes(
            request,
            f"pytest-asyncio runs this test in an event loop per {scope}",
            f'set asyncio_default_test_loop_scope = "{request.scope}", or pass '
            f'loop_scope="{request.scope}" to pytest.mark.asyncio',
        )
    return request.getfixturevalue(f"_lifescope_loop_{scope}")


def _fail_on_scopes(request: pytest.FixtureRequest, why: str, fix: str) -> Any:
    pytest.fail(
        f"lifescope runs one app per {request.scope} here, but {why}: the event loop would end "
        f"before the app. Either {fix}; or have lifescope_run_per say less.",
        pytrace=False,
    )


# --- errors ---------------------------------------------------------------------------------

_OURS = (
    os.path.dirname(lifescope.__file__) + os.sep,
    os.path.dirname(anyio.__file__) + os.sep,
    contextlib.__file__,
    "<lifescope ",
)


def _as_called_directly(error: Exception) -> Exception:
    """*error* with a traceback that begins where the user's code does, if it gets there."""
    step: TracebackType | None = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename.startswith(_OURS):
        step = step.tb_next
    return error.with_traceback(step)
