"""Overrides: replacements of providers, and the engine that is in force with them."""

import dataclasses
import functools
import inspect
import threading
import weakref
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import aclosing
from typing import Any, Self, TypeVar, cast

from lifescope import errors
from lifescope._declare.registry import declaration_of, read
from lifescope._graph.graph import Graph
from lifescope._graph.suggest import suggest
from lifescope._graph.validate import build
from lifescope._model.keys import Key, list_of
from lifescope._model.names import Place
from lifescope._model.provider import Kind, Provider
from lifescope._model.scopes import ScopeOrder
from lifescope._runtime.engine import Engine
from lifescope._runtime.scope import OpenScope

__all__ = ["Engines", "Override", "checked", "value_provider"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Layer = dict[Key, Provider]


class Engines:
    """The engine of a container, and the one in force while overrides are.

    Overrides apply to the app scopes that are opened while they are in force. They hold for
    every thread and event loop, so that a server in another thread sees them too.
    """

    def __init__(
        self, graph: Graph, values: Mapping[Key, Any], scopes: ScopeOrder, container: object
    ) -> None:
        self._scopes = scopes
        self._values = dict(values)
        self._container = container
        self._apps: weakref.WeakSet[OpenScope] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._base = Engine(graph, values, container, self._apps)
        self._layers: list[_Layer] = []
        self._in_force = self._base

    @property
    def current(self) -> Engine:
        """The engine for an app scope that is opened now."""
        return self._in_force

    def layer(self, replacements: Mapping[Key, Any]) -> _Layer:
        """Providers for *replacements*, checked to fit into the graph as it is now.

        Raises:
            UnknownOverrideError: Nothing provides one of the keys.
            GraphError: A replacement does not fit into the graph.
        """
        graph = self._in_force.graph
        for key in replacements:
            if graph.find(key) is None:
                close = suggest(key, graph.declared, unmarked=False)
                raise errors.UnknownOverrideError(key=key, suggestions=close)
        layer = {key: _replacement(key, value, self._scopes) for key, value in replacements.items()}
        self._engine_with([*self._layers, layer])
        return layer

    def push(self, layer: _Layer) -> None:
        """Put *layer* in force for app scopes that are opened from now on.

        Raises:
            LateOverrideError: An app scope of the container is open.
        """
        with self._lock:
            opened = [scope for scope in self._apps if not scope.closed]
            if opened:
                raise errors.LateOverrideError(keys=list(layer), opened_at=opened[0].opened_at)
            self._in_force = self._engine_with([*self._layers, layer])
            self._layers.append(layer)

    def pop(self, layer: _Layer) -> None:
        """End exactly *layer*, whatever has been put in force since."""
        with self._lock:
            self._layers = [other for other in self._layers if other is not layer]
            self._in_force = self._engine_with(self._layers) if self._layers else self._base

    def _engine_with(self, layers: list[_Layer]) -> Engine:
        replaced: _Layer = {}
        for layer in layers:
            replaced |= layer
        providers = [*_without(self._base.graph.declared, replaced), *replaced.values()]
        values = {key: value for key, value in self._values.items() if key not in replaced}
        values |= {p.key: p.value for p in replaced.values() if p.kind is Kind.VALUE}
        graph = checked(providers, self._scopes, replaced, self._base.graph.place)
        return Engine(graph, values, self._container, self._apps, replaced)


class Override:
    """A replacement of providers while it is entered; `container.override` returns it.

    A context manager (`with` and `async with` alike), and a decorator for functions and
    coroutine functions.
    """

    def __init__(self, engines: Engines, replacements: Mapping[Key, Any]) -> None:
        self._engines = engines
        self._layer = engines.layer(replacements)
        self._entered: list[_Layer] = []

    def __enter__(self) -> Self:
        """Put the replacements in force."""
        layer = dict(self._layer)  # entered twice, it is two layers
        self._engines.push(layer)
        self._entered.append(layer)
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self._engines.pop(self._entered.pop())

    async def __aenter__(self) -> Self:
        """Put the replacements in force."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """End them."""
        self.__exit__()

    def __call__(self, function: _F, /) -> _F:
        """Put the replacements in force whenever *function* runs."""
        if inspect.iscoroutinefunction(function):
            wrapped = self._around_coroutine(function)
        elif inspect.isasyncgenfunction(function):
            wrapped = self._around_async_generator(function)
        elif inspect.isgeneratorfunction(function):
            wrapped = self._around_generator(function)
        else:
            wrapped = self._around(function)
        return cast("_F", functools.update_wrapper(wrapped, function))

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return wrapper

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                async with aclosing(function(*args, **kwargs)) as items:
                    async for item in items:
                        yield item

        return wrapper

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self:
                items: Generator[Any, Any, Any] = function(*args, **kwargs)
                return (yield from items)

        return wrapper

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper


def checked(
    providers: list[Provider], scopes: ScopeOrder, replaced: Collection[Key], place: Place | None
) -> Graph:
    """The graph of *providers*; what is replaced is not decorated.

    Raises:
        GraphError: It has problems.
    """
    graph, problems = build(providers, scopes, place, undecorated=replaced)
    if problems:
        raise errors.GraphError.of(problems)
    return graph


def value_provider(key: Key, value: Any, scopes: ScopeOrder) -> Provider:
    """A provider for an object that is there already; it is never released."""
    return Provider((key,), scopes.widest, Kind.VALUE, type(None), value=value)


def _replacement(key: Key, replacement: Any, scopes: ScopeOrder) -> Provider:
    """A marked function or class, or a record of `provider(...)`, is a provider; else a value."""
    declaration = declaration_of(replacement)
    if declaration is None:
        return value_provider(key, replacement, scopes)
    providers, problems = read([dataclasses.replace(declaration, provides=(key,), name=None)])
    if problems:
        raise errors.GraphError.of(problems)
    # A fake need not be what its annotation says, if the test says that it stands for the key.
    return dataclasses.replace(
        providers[0], keys=(key,), replace=False, decorate=False, many=False, result=None
    )


def _asked_as(provider: Provider, key: Key) -> Key:
    """The key under which others ask: a contribution is a part of a list."""
    return list_of(key) if provider.many else key


def _without(providers: tuple[Provider, ...], replaced: _Layer) -> list[Provider]:
    """*providers* without the replaced keys; one with several keys keeps the others."""
    kept: list[Provider] = []
    for provider in providers:
        keys = tuple(key for key in provider.keys if _asked_as(provider, key) not in replaced)
        if keys == provider.keys:
            kept.append(provider)
        elif keys:
            kept.append(dataclasses.replace(provider, keys=keys))
    return kept
