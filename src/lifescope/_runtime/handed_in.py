"""HandedIn: values that nobody makes; whoever opens a scope has them, or had them before."""

from collections.abc import Collection, Mapping
from typing import Any

from lifescope import errors
from lifescope._graph.graph import Graph
from lifescope._model.keys import Key, as_key
from lifescope._model.names import Caller, Place, place_of_caller
from lifescope._model.provider import Kind, Provider
from lifescope._plan.steps import Slots
from lifescope._runtime import connections
from lifescope._runtime.closing import MISSING
from lifescope._runtime.scope import OpenScope

__all__ = ["HandedIn"]


class HandedIn:
    """What is declared with `supplied`, and what is ready before any scope opens.

    Args:
        graph: Says what is declared.
        slots: Where values are kept.
        ready: The keys of what is there from the start of the app scope.
        overridden: Keys whose provider was replaced by an override.
    """

    def __init__(
        self, graph: Graph, slots: Slots, ready: Collection[Key], overridden: Collection[Key]
    ) -> None:
        self._graph = graph
        self._slots = slots
        self._ready = frozenset(ready)
        self._overridden = frozenset(overridden)
        supplied = [p for p in graph.providers if p.kind is Kind.SUPPLIED]
        self._declared = {
            name: [p for p in supplied if p.scope == name] for name in graph.scopes.names
        }

    def start(self, app: OpenScope, ready: Mapping[Key, Any]) -> None:
        """Put what is ready into an app scope."""
        for key, value in ready.items():
            provider = self._graph.index.base(key)
            assert provider is not None
            setattr(app, self._slots[provider], value)

    def is_needed_for(self, name: str) -> bool:
        """Whether whoever opens a scope *name* may have to hand something in."""
        return bool(self._declared[name])

    def check(
        self,
        name: str,
        values: Mapping[Any, Any],
        opened_by: Caller | Place | None = None,
        *,
        by_root: bool = False,
    ) -> dict[Provider, Any]:
        """Provider to value, if *values* are what is declared with `supplied` in scope *name*.

        Args:
            name: The scope.
            values: What is handed in.
            opened_by: Whoever does so.
            by_root: The scope is one that `container.asgi` opens.

        Raises:
            SuppliedValueError: They are not.
        """
        declared = self._declared[name]
        if not declared and not values:
            return {}
        given, unknown = self._sort(name, values)
        missing = [p for p in declared if p not in given and p.key not in self._ready]
        if missing or unknown:
            raise errors.SuppliedValueError(
                scope=name,
                missing=[provider.key for provider in missing],
                unknown=unknown,
                opened_at=place_of_caller(opened_by),
                declared_at=missing[0].place if missing else None,
                provided_by=self._graph.index.base(unknown[0]) if unknown else None,
                opened_by=("" if not by_root else "asgi" if name == self._widest else "root"),
                widest=self._widest,
            )
        return given

    @property
    def _widest(self) -> str:
        return self._graph.scopes.widest

    def _sort(self, name: str, values: Mapping[Any, Any]) -> tuple[dict[Provider, Any], list[Key]]:
        given: dict[Provider, Any] = {}
        unknown: list[Key] = []
        for form, value in values.items():
            provider = self._graph.index.base(as_key(form))
            if as_key(form) in self._overridden:
                continue  # the code that hands it in need not know
            if provider is None or provider.kind is not Kind.SUPPLIED or provider.scope != name:
                unknown.append(as_key(form))
            else:
                given[provider] = value
        return given, unknown

    def supply(self, scope: OpenScope, values: Mapping[Any, Any]) -> None:
        """Put *values* into *scope*, where it has none yet."""
        given, unknown = self._sort(scope.name, values)
        if unknown:
            raise errors.SuppliedValueError(scope=scope.name, unknown=unknown)
        self._put(scope, given)

    def _put(self, scope: OpenScope, given: Mapping[Provider, Any]) -> None:
        scope.is_untouched = False
        for provider, value in given.items():
            slot = self._slots[provider]
            if getattr(scope, slot) is MISSING:
                setattr(scope, slot, value)

    def connection_value(self, scope: OpenScope, provider: Provider) -> Any:
        """The object for the connection that *scope* serves: the framework's own, or a new one."""
        if isinstance(scope.given, provider.key.form):
            self._put(scope, {provider: scope.given})
            return scope.given
        if scope.connection is None:
            raise errors.SuppliedValueError(scope=scope.name, missing=[provider.key])
        try:
            value = connections.make(provider.key.form, scope.connection)
        except LookupError as error:
            missing = errors.SuppliedValueError(scope=scope.name, missing=[provider.key])
            missing.add_note(f"lifescope: {error}")
            raise missing from None
        self._put(scope, {provider: value})
        return value
