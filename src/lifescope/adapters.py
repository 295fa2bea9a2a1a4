"""For writers of adapters: what a framework's own way of calling endpoints needs.

Most adapters need nothing of this: `lifescope.inject` fills a function, and an open request
scope has `endpoint`, `supply_connection` and `record_failure`.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from lifescope._asgi.endpoints import fitters
from lifescope._declare.signatures import entry_of
from lifescope._model.scopes import CALL, REQUEST
from lifescope._runtime.binding import current, current_scope
from lifescope._runtime.filling import UNKNOWN, Filling, Plan, Steady, steady
from lifescope._runtime.loops import running_loop
from lifescope._runtime.opening import Opening
from lifescope._runtime.scope import OpenScope
from lifescope.errors import ScopeOrderError

__all__ = ["Parameters", "fit_routes"]

_C = TypeVar("_C")


def fit_routes(fit: Callable[[Any, Any], None]) -> None:
    """Have *fit* called for each route of an app that starts, once, after it was checked.

    For adapters that know how their framework calls an endpoint. *fit* gets the route, whose
    `app` has the boundary by then, and the app that was there before; it leaves alone what is
    not its framework's. What it raises goes to the log, and the route stays as it is. A route that
    is added later never comes to it.
    """
    fitters.append(fit)


class Parameters:
    """The injected parameters of one function, which are made together, by one compiled plan.

    It can be made before there is any container, and be used for several.

    Args:
        function: Whose parameters they are; for the texts of errors.
        keys: Parameter name to key.
    """

    def __init__(self, function: Callable[..., Any], keys: Mapping[str, Any]) -> None:
        self._filling = Filling(entry_of(function, keys))
        self._last: Steady = UNKNOWN

    def note_on(self, function: Any) -> None:
        """Note on *function* that it asks for these, besides what has been noted on it before.

        When an app starts, the root makes what is noted on the functions that it finds in the
        routes. What it does not find is made when it is first asked for.
        """
        before: Callable[[], list[Any]] = getattr(function, "__lifescope_asks_for__", list[Any])
        function.__lifescope_asks_for__ = lambda: [self._filling.entry, *before()]

    def need_call_scope(self, scope: OpenScope) -> bool:
        """Whether a scope "call" has to be opened in *scope* for them, and to be filled from.

        Raises:
            GraphError: Nothing provides one of them.
            ScopeOrderError: One lives in another scope that is not open.
        """
        return self._filling.plan(scope.in_force()) is None

    def fill_for(
        self, connection: _C, exits: Callable[[_C], AsyncExitStack]
    ) -> Coroutine[Any, Any, dict[str, Any]]:
        """Parameter name to object, for an endpoint that is about to be called; to be awaited.

        It does what is usual with the steps above, in the current scope: *connection*, the
        framework's own, is handed in, and a scope "call" is opened if there is need for one.

        Args:
            connection: What the endpoint is called for.
            exits: Gives, for the connection, what the "call" scope ends with.

        Raises:
            NoScopeError: No scope is open.
            ScopeClosedError: It has ended.
        """
        scope: Any = current.get(None)
        scope_class, opens_call, plan = self._last
        if type(scope) is not scope_class or scope.loop is not running_loop():
            return self._fill_first(connection, exits)
        scope.given = connection
        if opens_call:
            return self._fill_in_call(scope, plan, exits(connection))
        made: Coroutine[Any, Any, dict[str, Any]] = plan(scope)
        return made

    async def _fill_in_call(
        self, scope: OpenScope, plan: Plan, exits: AsyncExitStack
    ) -> dict[str, Any]:
        opening = Opening()
        opening.parent = scope
        inner = await opening.__aenter__()
        exits.push_async_exit(opening)  # `enter_async_context` is a coroutine more
        return await plan(inner)

    async def _fill_first(
        self, connection: _C, exits: Callable[[_C], AsyncExitStack]
    ) -> dict[str, Any]:
        """The same, the first time in scopes of that class."""
        scope = inner = current_scope()
        scope.supply_connection(connection)
        if self.need_call_scope(scope):
            inner = await exits(connection).enter_async_context(scope.open(CALL))
        if scope.name == REQUEST and (plan := self._filling.plan(inner)) is not None:
            self._last = steady(scope, inner, plan)
        return await self.fill(inner)

    def fill(self, scope: OpenScope) -> Coroutine[Any, Any, dict[str, Any]]:
        """Parameter name to object, made in *scope* and those around it, to be awaited.

        Raises:
            ScopeClosedError: *scope* has ended.
            ScopeOrderError: One lives in the scope "call", and it is not open.
        """
        scope = scope.in_force()
        plan = self._filling.plan(scope)
        if plan is None:
            name = self._filling.entry.name
            raise ScopeOrderError(key=None, scope=CALL, asked_in=scope.name, provider=name)
        return plan(scope)
