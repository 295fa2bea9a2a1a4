"""Filling: the arguments of one function, made in whichever scope it is called."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lifescope import errors
from lifescope._graph.validate import check_entry
from lifescope._model.provider import Entry, Link, Provider
from lifescope._model.scopes import CALL, REQUEST
from lifescope._plan.planner import plan_entry
from lifescope._plan.steps import Mode
from lifescope._runtime import binding
from lifescope._runtime.scope import OpenScope

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine

__all__ = ["UNKNOWN", "Filler", "Filling", "Plan", "Steady", "steady"]

Plan = Callable[[OpenScope], Coroutine[Any, Any, dict[str, Any]]]
"""What makes all arguments of a function, in scopes of one name."""

Known = tuple["Filler | None", dict[str, Plan | None]]
"""What makes the arguments of one function in the scopes of one engine, by their names."""


Steady = tuple[type[OpenScope] | None, bool, Any]
"""A class of scopes, whether a "call" is opened in one of them, and the plan to follow then."""

UNKNOWN: Steady = None, False, None
"""No scope is of that class."""


def steady(scope: OpenScope, inner: OpenScope, plan: Plan) -> Steady:
    """What was found out for *scope*, if it holds for all scopes of its class.

    Not so above an app that is running: which overrides are in force there may change.

    Args:
        scope: The current one.
        inner: The one that *plan* is for: a "call" that was opened in it, or *scope* itself.
        plan: What makes all arguments of a function.
    """
    cls = type(scope)
    if cls._engine is not scope._engine or cls.in_force is not OpenScope.in_force:
        return UNKNOWN
    if inner is scope:
        return cls, False, plan
    is_next = inner.parent is scope and scope._next_plain is not None
    return (cls, True, plan) if is_next else UNKNOWN


class Filling:
    """Makes the arguments of one function, for whichever container's scope it is called in.

    Attributes:
        entry: The function's parameters that are filled.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        # What the last engine has; in one attribute, as threads may use it for different ones.
        self._known: Known = None, {}

    def filler(self, scope: OpenScope) -> "Filler":
        """What makes them in scopes of the engine of *scope*."""
        return self._known_to(scope._engine)[0]

    def _known_to(self, engine: "Engine") -> "tuple[Filler, dict[str, Plan | None]]":
        """Each engine keeps what it knows: with overrides they may take turns."""
        filler, plans = self._known
        if filler is None or filler.engine is not engine:
            known = engine.fillings.get(self)
            if known is None:
                known = engine.fillings[self] = Filler(engine, self.entry), {}
            filler, plans = self._known = known
        return filler, plans

    def plan(self, scope: OpenScope) -> Plan | None:
        """What makes them in *scope*; None if a "call" scope has to be opened in it before.

        Raises:
            GraphError: Nothing provides one of them.
            ScopeOrderError: One lives in another scope that is not open.
        """
        filler, plans = self._known
        if filler is None or filler.engine is not scope._engine:
            filler, plans = self._known_to(scope._engine)
        if scope.name not in plans:
            plans[scope.name] = None if filler.opens(scope.name) else filler.function(scope.name)
        return plans[scope.name]


class Filler:
    """Makes the arguments of one function, in whichever scope it is called.

    Attributes:
        entry: The function's parameters that are filled.
        scope: The narrowest scope that they live in; None if any open scope will do.
    """

    def __init__(self, engine: "Engine", entry: Entry) -> None:
        self.engine = engine
        self.entry = entry
        self._edges = check_entry(engine.graph, entry)
        for edge in self._edges:
            engine.is_asked_for(edge)
        narrowest = engine.graph.narrowest(self.providers, engine.graph.scopes.widest)
        self.scope = narrowest.scope if narrowest is not None else None
        self._narrowest = narrowest
        self._functions: dict[tuple[str, Mode], Callable[[Any], Any]] = {}

    @property
    def providers(self) -> list[Provider]:
        """What the parameters ask for."""
        return [edge.provider for edge in self._edges if edge.provider is not None]

    def opens(self, scope: str) -> bool:
        """Whether a "call" scope has to be opened inside a scope called *scope*.

        Raises:
            ScopeOrderError: Something lives in another scope that is not open.
        """
        order = self.engine.graph.scopes
        if self.scope is None or order.rank(self.scope) <= order.rank(scope):
            return False
        is_in_request = REQUEST in order and order.rank(scope) >= order.rank(REQUEST)
        if self.scope == CALL and (is_in_request or order.narrower(scope) == CALL):
            return True
        raise self.order_error(scope)

    def order_error(self, asked_in: str) -> errors.ScopeOrderError:
        """What is wrong where the scope *asked_in* is open, and nothing narrower."""
        graph, narrowest = self.engine.graph, self._narrowest
        assert narrowest is not None
        guilty = next(
            edge
            for edge in self._edges
            if edge.provider is not None and narrowest in graph.needed([edge.provider])
        )
        return errors.ScopeOrderError(
            key=guilty.parameter.key,
            scope=narrowest.scope,
            asked_in=asked_in,
            provider=narrowest.name,
            place=narrowest.place,
            chain=[*self.entry.asked_by, Link.of(self.entry, guilty.parameter.name)],
        )

    async def fill(self, scope: OpenScope) -> dict[str, Any]:
        """Parameter name to object, made in *scope*."""
        return await self.function(scope.name)(scope)

    def function(self, scope: str) -> Plan:
        """What makes them in scopes called *scope*, in the task that opens these."""
        return self._function(scope, self.engine.mode_of(scope))

    async def fill_for_thread(
        self, scope: OpenScope
    ) -> tuple[dict[str, Any], list[binding.Change]]:
        """The same for code in a worker thread: with what changed in context variables.

        Whichever task runs this for the thread, it is not the one to enter providers in.
        """
        before = binding.snapshot()
        filled = await self._function(scope.name, Mode.ELSEWHERE)(scope)
        return filled, binding.changes(before, binding.snapshot())

    def fill_now(self, scope: OpenScope) -> dict[str, Any]:
        """The same, without awaiting.

        Raises:
            NotReadyError: Something has to be awaited.
        """
        filled: dict[str, Any] = self._function(scope.name, Mode.NOW)(scope)
        return filled

    def _function(self, scope: str, mode: Mode) -> Callable[[Any], Any]:
        function = self._functions.get((scope, mode))
        if function is None:
            engine = self.engine
            plan = plan_entry(engine.graph, engine.slots, self.entry, self._edges, scope)
            function = engine.compile(plan, mode)
            self._functions[scope, mode] = function
        return function
