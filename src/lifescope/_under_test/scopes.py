"""Scopes of a test: what `lifescope_scope` gives, and where keys as fixtures come from."""

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

import pytest
from typing_extensions import TypeForm

from lifescope import OpenScope
from lifescope._model.keys import Key, as_key
from lifescope._model.provider import Provider
from lifescope._model.scopes import REQUEST
from lifescope._runtime import binding, loops
from lifescope._runtime.exits import report
from lifescope._under_test.runs import Run

__all__ = ["SCOPES_OF", "ScopeInTest", "Scopes"]

SCOPES_OF = pytest.StashKey[list["Scopes"]]()
"""In a node of pytest, such as a test or a module: what is open for it."""

T = TypeVar("T")


class ScopeInTest:
    """The scope that is open around a test: what `lifescope_scope` gives.

    It has what an `OpenScope` has, for tests to ask. An override that begins when nothing has
    been asked for yet holds for it, too.
    """

    def __init__(self, scopes: "Scopes") -> None:
        self._scopes = scopes

    def __repr__(self) -> str:
        return repr(self._scopes.scope)

    @property
    def name(self) -> str:
        """The scope's name: "request", ..."""
        return self._scopes.scope.name

    async def get(self, key: TypeForm[T]) -> T:
        """As `OpenScope.get`."""
        __tracebackhide__ = True
        self._scopes.asked_for(key)
        return await self._scopes.scope.get(key)

    def get_nowait(self, key: TypeForm[T]) -> T:
        """As `OpenScope.get_nowait`."""
        __tracebackhide__ = True
        self._scopes.asked_for(key)
        return self._scopes.scope.get_nowait(key)

    async def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """As `OpenScope.call`."""
        __tracebackhide__ = True
        self._scopes.asked_for_anything("call()")
        return await self._scopes.scope.call(fn, *args, **kwargs)

    def open(self, name: str | None = None, *, values: Mapping[Any, Any] | None = None) -> Any:
        """As `OpenScope.open`."""
        __tracebackhide__ = True
        self._scopes.asked_for_anything("open()")
        return self._scopes.scope.open(name, values=values)


class Scopes:
    """The scope that is open for a test, or for a module or the like, and those inside it.

    Everything in them is made in tasks of its own: the tasks in which fixtures are set up, in
    which a test runs and in which fixtures are torn down are not the same.

    Args:
        run: In which app scope.
        name: The name of the scope; by default "request". A container that has no such scope
            gets its app scope.
        values: What is handed in.
        is_visible: It is to be the current scope in the test.

    Attributes:
        scope: What is open.
        at_end: Called when it has been closed.
    """

    def __init__(
        self, run: Run, name: str | None, values: Mapping[Any, Any], *, is_visible: bool
    ) -> None:
        self._run = run
        known = run.scope.scopes
        self._name = name or (REQUEST if REQUEST in known else known[0])
        self._values = values
        self._is_visible = is_visible
        self.scope: OpenScope = run.scope
        self.at_end: list[Callable[[], None]] = []
        self._opened: list[OpenScope] = []
        self._narrower: dict[str, OpenScope] = {}
        self._tokens: list[Any] = []
        self._asked: list[tuple[Provider, str | None]] = []
        self._asked_by_name: set[str] = set()
        self._late: list[Key] = []

    # --- opening and closing ----------------------------------------------------------------

    def open(self) -> None:
        """Open it, and make it the current one."""
        __tracebackhide__ = True
        self._run.driver.run(self._open)
        if self._is_visible:
            self._run.driver.run_visibly(self._bind)

    async def _open(self) -> None:
        self._open_now()

    def _open_now(self) -> None:
        """Open it, in the event loop."""
        app = self._run.scope
        if self._name == app.name:
            return
        overlays = app.overlays
        target = app if overlays is None else overlays.in_force()
        self._opened = target._engine.open(
            target, self._name, self._values, None, in_own_task=False
        )
        self.scope = self._opened[-1]

    def _bind(self) -> None:
        self._tokens = [*binding.apply(self._run.changes), binding.current.set(self.scope)]

    def _unbind(self) -> None:
        effects = [token for scope in self._opened for token in scope.effects()]
        binding.undo(effects)
        binding.undo(self._tokens)

    def close(self, outcome: BaseException | None) -> None:
        """Close it; *outcome* is how the test has ended, and what providers are told."""
        __tracebackhide__ = True
        with ExitStack() as stack:
            for callback in self.at_end:
                stack.callback(callback)
            stack.callback(self._run.driver.run, partial(self._close, outcome))
            if self._tokens:
                self._run.driver.run_visibly(self._unbind)

    async def _close(self, outcome: BaseException | None) -> None:
        failures: list[BaseException] = []
        known = len(_notes(outcome))
        for scope in reversed(self._opened):
            try:
                await scope.close(outcome)
            except Exception as error:
                failures.append(error)
        self._opened, self._narrower = [], {}
        if (failed := report(failures, None)) is not None:
            raise failed
        if notes := _notes(outcome)[known:]:  # what the test has raised was shown long ago
            pytest.fail("\n".join(notes), pytrace=False)

    # --- what it gives -----------------------------------------------------------------------

    def give(self, key: Any, fixture: str) -> Any:
        """The object for *key*, from this scope or from the narrower one that it lives in."""
        __tracebackhide__ = True
        self.asked_for(key, fixture)
        return self._run.driver.run(partial(self._give, key))

    async def _give(self, key: Any) -> Any:
        name = self.scope.narrower_for(key)
        if name is None:
            return await self.scope.get(key)
        if name not in self._narrower:
            around = self.scope
            opened = around._engine.open(around, name, {}, None, in_own_task=False)
            self._opened += opened
            self._narrower[name] = opened[-1]
        return await self._narrower[name].get(key)

    # --- overrides that come late ------------------------------------------------------------

    def asked_for(self, key: Any, fixture: str | None = None) -> None:
        """Somebody asks for *key*: the test, or a fixture of this name.

        Raises:
            RuntimeError: The scope was in use before an override of something that this needs.
        """
        __tracebackhide__ = True
        provider = self.scope._engine.graph.find(as_key(key))
        if provider is None:
            return
        for late in self._late:
            if self._needs(provider, late):
                raise self._too_late(late, f"{as_key(key)}, which needs it, is asked for now")
        self._asked.append((provider, fixture))

    def asked_for_anything(self, how: str) -> None:
        """Somebody asks in a way that does not tell for what. Raises as `asked_for`."""
        __tracebackhide__ = True
        if self._late:
            raise self._too_late(self._late[0], f"{how} may need it")
        self._asked_by_name.add(how)

    def late_override(
        self, keys: Collection[Key], fixtures: Collection[str]
    ) -> RuntimeError | None:
        """The error for a test with *fixtures*, if it has an object that would be stale then."""
        for key in keys:
            for how in self._asked_by_name:
                return self._too_late(key, f"{how} may have needed it")
            for provider, fixture in self._asked:
                is_in_use = fixture is None or fixture in fixtures
                if is_in_use and self._needs(provider, key):
                    whose = f'the fixture "{fixture}"' if fixture else "this test"
                    return self._too_late(key, f"{whose} has {provider.key}, which needs it")
        return None

    def overridden(self, keys: Collection[Key]) -> None:
        """An override of *keys* has begun: as long as nobody has asked, it holds here, too."""
        if self._name == self._run.scope.name:
            return
        if self._asked or self._asked_by_name:
            self._late += keys
        elif (here := loops.loop_token()) is not None and here is self._run.scope.loop:
            self._reopen_now()
            if self._is_visible:
                _make_current(self.scope)
        else:
            self._run.driver.run(self._reopen)
            if self._is_visible:
                self._run.driver.run_visibly(partial(_make_current, self.scope))

    async def _reopen(self) -> None:
        self._reopen_now()

    def _reopen_now(self) -> None:
        for scope in reversed(self._opened):
            scope.close_at_once(None)  # there is nothing in it
        self._open_now()

    def _needs(self, provider: Provider, key: Key) -> bool:
        graph = self.scope._engine.graph
        return any(key in each.keys for each in graph.needed([provider]))

    def _too_late(self, key: Key, why: str) -> RuntimeError:
        return RuntimeError(
            f"{key} is overridden too late for the open scope of this test: {why}. Override it "
            "first: in a fixture that comes before, or before the test asks for anything."
        )


def _make_current(scope: OpenScope) -> None:
    binding.current.set(scope)  # it is taken back together with what was current before


def _notes(error: BaseException | None) -> list[str]:
    return list(getattr(error, "__notes__", ()))
