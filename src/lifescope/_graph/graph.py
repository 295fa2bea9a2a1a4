"""Graph: the checked, frozen set of providers and their edges."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional, get_origin

from lifescope._model.keys import Key
from lifescope._model.provider import Entry, Kind, Parameter, Provider
from lifescope._model.scopes import REQUEST, TRANSIENT, ScopeOrder

__all__ = ["Edge", "Graph", "Index"]

_CONNECTIONS = {
    ("starlette.requests", "Request"),
    ("starlette.requests", "HTTPConnection"),
    ("starlette.websockets", "WebSocket"),
}


@dataclass(frozen=True, slots=True)
class Edge:
    """What is passed for one parameter; without a provider, None or the parameter's default."""

    parameter: Parameter
    provider: Provider | None

    @property
    def is_omitted(self) -> bool:
        """Nothing is passed: the parameter keeps its default."""
        return self.provider is None and self.parameter.has_default


class Index:
    """Providers by key, with the keys that every container knows by itself."""

    def __init__(self, providers: Iterable[Provider], scopes: ScopeOrder) -> None:
        self.by_key: dict[Key, Provider] = {}
        self.scopes = scopes
        for provider in providers:
            for key in provider.keys:
                self.by_key[key] = provider

    def find(self, key: Key) -> Provider | None:
        """The provider of *key*, None where there is none."""
        found = self.by_key.get(key)
        if found is None and (found := self._built_in(key)) is not None:
            self.by_key[key] = found
        return found

    def edge(self, parameter: Parameter) -> Edge | None:
        """What to pass for *parameter*; None where nothing can be."""
        provider = None
        if parameter.optional:
            provider = self.find(Key(Optional[parameter.key.form], parameter.key.name))  # noqa: UP045
        provider = provider or self.find(parameter.key)
        if provider is None and not (parameter.optional or parameter.has_default):
            return None
        return Edge(parameter, provider)

    def _built_in(self, key: Key) -> Provider | None:
        """The connection of a request, and the open scope itself.

        Both are recognised by name, so that a program without a web framework imports none.
        """
        cls: Any = get_origin(key.form) or key.form
        if key.name is not None or not isinstance(cls, type):
            return None
        if key.form is not cls:  # Request[State] is the same object as Request
            return self.find(Key(cls)) if _is_connection(cls) else None
        if getattr(cls, "__lifescope_open_scope__", False):
            return Provider((key,), TRANSIENT, Kind.SCOPE, cls)
        if _is_connection(cls) and REQUEST in self.scopes:
            return Provider((key,), REQUEST, Kind.SUPPLIED, cls)
        return None


def _is_connection(cls: type) -> bool:
    return (cls.__module__, cls.__qualname__) in _CONNECTIONS


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Providers, their edges, and the order in which they can be made.

    Attributes:
        scopes: The container's scopes.
        providers: In the order in which they were declared.
        index: Finds the provider of a key.
        edges: What is passed for the parameters of each provider.
    """

    scopes: ScopeOrder
    providers: tuple[Provider, ...]
    index: Index
    edges: Mapping[Provider, tuple[Edge, ...]]

    def find(self, key: Key) -> Provider | None:
        """The provider of *key*, None where there is none."""
        return self.index.find(key)

    def needs(self, provider: Provider) -> tuple[Edge, ...]:
        """The edges of *provider*; the built-in ones need nothing."""
        return self.edges.get(provider, ())

    def needed(self, roots: Iterable[Provider]) -> list[Provider]:
        """*roots* and everything below them, what is needed before what needs it.

        One iterative walk: chains may be thousands of providers long. It ends on graphs with
        cycles too, which the check walks before it refuses them.
        """
        ordered: list[Provider] = []
        entered: set[Provider] = set()
        stack: list[tuple[Provider, Iterator[Edge]]] = []

        def enter(provider: Provider | None) -> bool:
            if provider is None or provider in entered:
                return False
            entered.add(provider)
            stack.append((provider, iter(self.needs(provider))))
            return True

        for root in roots:
            enter(root)
            while stack:
                provider, rest = stack[-1]
                if not any(enter(edge.provider) for edge in rest):
                    stack.pop()
                    ordered.append(provider)
        return ordered

    def narrowest(self, roots: Iterable[Provider], at_least: str) -> Provider | None:
        """The provider in the narrowest scope that is needed to make *roots*.

        None if everything lives in *at_least* or in a wider scope.
        """
        found, rank = None, self.scopes.rank(at_least)
        for provider in self.needed(roots):
            if provider.scope != TRANSIENT and self.scopes.rank(provider.scope) > rank:
                found, rank = provider, self.scopes.rank(provider.scope)
        return found

    def entry_edges(self, entry: Entry) -> list[tuple[Parameter, Edge | None]]:
        """What is passed for the parameters of a function."""
        return [(parameter, self.index.edge(parameter)) for parameter in entry.parameters]
