"""For writers of adapters: what a framework's own way of calling endpoints needs.

Most adapters need nothing of this: `lifescope.inject` fills a function, and an open request
scope has `endpoint`, `supply_connection` and `record_failure`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lifescope._declare.signatures import entry_of
from lifescope._model.scopes import CALL
from lifescope._runtime.filling import Filling
from lifescope._runtime.scope import OpenScope
from lifescope.errors import ScopeOrderError

__all__ = ["Parameters"]


class Parameters:
    """The injected parameters of one function, which are made together, by one compiled plan.

    It can be made before there is any container, and be used for several.

    Args:
        function: Whose parameters they are; for the texts of errors.
        keys: Parameter name to key.
    """

    def __init__(self, function: Callable[..., Any], keys: Mapping[str, Any]) -> None:
        self._filling = Filling(entry_of(function, keys))

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
            ScopeClosedError: *scope* has ended.
        """
        if scope.closed:
            raise scope.closed_error(f"the parameters of {self._filling.entry.name}")
        return self._filling.plan(scope.in_force()) is None

    async def fill(self, scope: OpenScope) -> dict[str, Any]:
        """Parameter name to object, made in *scope* and those around it.

        Raises:
            ScopeOrderError: One lives in the scope "call", and it is not open.
        """
        scope = scope.in_force()
        plan = self._filling.plan(scope)
        if plan is None:
            name = self._filling.entry.name
            raise ScopeOrderError(key=None, scope=CALL, asked_in=scope.name, provider=name)
        scope.is_untouched = False
        return await plan(scope)
