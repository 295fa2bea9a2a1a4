"""Overrides of a test: what `lifescope_override` gives."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar, cast, overload

import pytest
from typing_extensions import TypeForm

from lifescope import Container, LifescopeError
from lifescope._model.keys import as_key
from lifescope._model.names import Place
from lifescope._runtime import loops
from lifescope._runtime.overrides import Override
from lifescope._under_test.drivers import is_async
from lifescope._under_test.runs import RUNS, Run
from lifescope._under_test.scopes import SCOPES_OF, Scopes

__all__ = ["HAS_PASSED", "LifescopeOverride"]

HAS_PASSED = pytest.StashKey[bool]()
"""In a test: it has run, and nothing has failed in it."""

T = TypeVar("T")
R = TypeVar("R")


class LifescopeOverride:
    """Replaces providers until the end of the test: what `lifescope_override` gives."""

    def __init__(self, request: pytest.FixtureRequest, container: Container) -> None:
        self._request = request
        self._container = container
        self._entered: list[Override] = []

    @overload
    def __call__(self, key: TypeForm[T], replacement: R, /, *, local: bool = False) -> R: ...
    @overload
    def __call__(
        self, replacements: Mapping[Any, R], /, *, local: bool = False
    ) -> Mapping[Any, R]: ...
    def __call__(self, key: Any, *replacement: Any, local: bool = False) -> Any:
        """Override *key*, as `container.override` does, from now on.

        Args:
            key: The key; or a mapping of keys to replacements.
            replacement: An object, or a provider.
            local: It holds where this is called, and in tasks and threads that inherit its
                context: for things that run at the same time in one test, and for tests that
                run in several threads at once.

        Returns:
            The replacement, or the mapping.

        Raises:
            UnknownOverrideError: Nothing provides the key.
            GraphError: The replacement does not fit into the graph.
            RuntimeError: The test has been given something already that needs the key.
        """
        __tracebackhide__ = True
        if local and is_async(self._request.node) and loops.loop_token() is None:
            pytest.fail("local=True is for calls inside an async test, not for fixtures of it")
        frame = sys._getframe(1)
        place = Place(frame.f_code.co_filename, frame.f_lineno)
        try:
            override = self._container._override_at(place, key, *replacement, local=local)
        except LifescopeError as error:
            raise error.with_traceback(None) from error.__cause__  # the test's line counts
        keys = [as_key(form) for form in (key if not replacement else [key])]
        for scopes in self._scopes():
            if late := scopes.late_override(keys, self._request.fixturenames):
                override.give_up()
                raise late
        override.__enter__()
        self._entered.append(override)
        for scopes in self._scopes(of_test=True):
            scopes.overridden(keys)
        return replacement[0] if replacement else key

    def _scopes(self, *, of_test: bool = False) -> list[Scopes]:
        """What is open for the test, and for the class, module and so on that it is in."""
        chain = [self._request.node] if of_test else self._request.node.listchain()
        known = [node.stash.get(SCOPES_OF, list[Scopes]()) for node in chain]
        return [scopes for each in known for scopes in each]

    def end(self) -> None:
        """End the overrides: after the scopes that are open for the test, if there are any."""
        __tracebackhide__ = True
        open_scopes = self._scopes(of_test=True)
        if open_scopes:
            open_scopes[0].at_end.append(self._end)
        else:
            self._end()

    def _end(self) -> None:
        with ExitStack() as stack:
            for override in self._entered:
                stack.callback(self._end_one, override)
        self._entered.clear()

    def _end_one(self, override: Override) -> None:
        """End it, and wait until everything is released, in whichever event loop it lives."""
        runs = self._request.config.stash.get(RUNS, list[Run]())
        drivers = {run.scope: run.driver for run in runs}
        unused, all_ended = override.end()
        with ExitStack() as stack:
            if self._request.node.stash.get(HAS_PASSED, False):
                stack.callback(override.warn, unused)
            for overlays, ended in all_ended:
                driver = drivers.get(overlays.app)
                if driver is None:
                    overlays.close_soon(ended)
                else:
                    close = cast("Callable[[], Any]", partial(overlays.close, ended))
                    stack.callback(driver.run, close)
