"""Container: the façade. Every method delegates."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from typing_extensions import TypeForm

from lifescope import errors
from lifescope._asgi import Root
from lifescope._declare import registry
from lifescope._graph.graph import Graph
from lifescope._graph.validate import build
from lifescope._inject import inject_from
from lifescope._model.keys import Key, as_key
from lifescope._model.names import spell
from lifescope._model.provider import Declaration, Kind
from lifescope._model.scopes import TRANSIENT, ScopeOrder
from lifescope._runtime.binding import find_scope
from lifescope._runtime.opening import Opening
from lifescope._runtime.overrides import Engines, Override, value_provider

__all__ = ["Container"]

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])


class Container:
    """A checked graph of providers.

    It is immutable and holds no instances: they live in the scopes that it opens, so one
    container serves any number of event loops, threads and lifespans at once.

    Args:
        sources: Functions and classes marked with `@provider`, what `provider(...)` and
            `supplied(...)` return, modules (their marked members), other containers, or
            iterables of these.
        scopes: Names of the scopes, the widest first.
        values: Key to object: objects that are there already. They are shared by all app
            scopes, and never released.

    Raises:
        GraphError: The providers do not fit together. Its `problems` has every mistake; a
            single one is raised as its own subclass.
    """

    def __init__(
        self,
        *sources: Any,
        scopes: Sequence[str] = ("app", "request", "call"),
        values: Mapping[Any, Any] | None = None,
    ) -> None:
        self.__lifescope_declarations__: tuple[Declaration, ...] = ()
        self.__lifescope_values__: dict[Key, Any] = {}
        order = _order(scopes)
        declarations, problems = registry.collect(sources)
        self.__lifescope_declarations__ = tuple(declarations)
        providers, unreadable = registry.read(declarations)
        given = {
            **registry.values_of(sources),
            **{as_key(form): value for form, value in (values or {}).items()},
        }
        self.__lifescope_values__ = given
        declared = {p.key for p in providers if p.kind is Kind.SUPPLIED and p.scope == order.widest}
        ready = [
            value_provider(key, value, order) for key, value in given.items() if key not in declared
        ]
        is_complete = len(providers) == len(declarations)
        graph, wrong = build([*providers, *ready], order, is_complete=is_complete)
        if found := [*problems, *unreadable, *wrong]:
            raise errors.GraphError.of(found)
        self._engines = Engines(graph, given, order, self)

    def __repr__(self) -> str:
        return f"<Container with {len(self.__lifescope_declarations__)} providers>"

    @property
    def graph(self) -> Graph:
        """The checked graph, with the overrides that are in force."""
        return self._engines.current.graph

    def asgi(
        self,
        app_factory: Any,
        *,
        values: Mapping[Any, Any] | None = None,
        exclude: Collection[ContextVar[Any]] = (),
    ) -> Root:
        """The composition root: an ASGI app that opens the app scope in its lifespan.

        At start it makes the app-scoped objects, calls *app_factory*, and runs the lifespan
        of the app that it gives. Each HTTP request and WebSocket then runs with a request
        scope, in a context that has what start-up set in context variables.

        Args:
            app_factory: A function or coroutine function that returns the app, an async
                generator function or async context manager function that yields it, a class
                of which the instance is the app, maybe an async context manager as well, or
                an app. Its parameters are keys of the app scope.
            values: Key to object, for what is declared with `supplied` in the app scope.
            exclude: Context variables that do not flow from start-up into requests.

        Raises:
            GraphError: Nothing provides a parameter of the factory.
            SuppliedValueError: A value is declared for a scope that the root opens itself.
        """
        return Root(
            lambda: self._engines.current, app_factory, values=values or {}, exclude=exclude
        )

    def open(self, values: Mapping[Any, Any] | None = None) -> Opening:
        """Open an app scope: `async with container.open() as scope:`; for workers and scripts.

        Providers are acquired when they are first asked for; those with `eager=True` at once.

        Args:
            values: Key to object, for what is declared with `supplied` in the app scope.

        Raises:
            SuppliedValueError: The values are not the declared ones.
        """
        return Opening(
            lambda: self._engines.current,
            None,
            None,
            values or {},
            frame=sys._getframe(1),
            eager=lambda engine: engine.eager_providers(unless_told=False),
        )

    @overload
    def override(self, key: TypeForm[T], replacement: Any, /) -> Override: ...
    @overload
    def override(self, replacements: Mapping[Any, Any], /) -> Override: ...
    def override(self, key: Any, *replacement: Any) -> Override:
        """Replace providers: `with container.override(Mailer, fake_mailer): ...`.

        What is replaced is never made. The replacement holds for app scopes that are opened
        inside the block, in every thread and event loop.

        Args:
            key: The key; or a mapping of keys to replacements.
            replacement: An object, or a provider: a function or class marked with
                `@provider`, or what `provider(...)` returns, with its own needs and release.

        Returns:
            A context manager (`with` and `async with`) that is also a decorator.

        Raises:
            UnknownOverrideError: Nothing provides the key.
            GraphError: The replacement does not fit into the graph.
            LateOverrideError: Raised on entering, if an app scope of the container is open.
        """
        replacements: Mapping[Any, Any] = {key: replacement[0]} if replacement else key
        return Override(self._engines, {as_key(form): r for form, r in replacements.items()})

    def inject(self, function: _F, /) -> _F:
        """`lifescope.inject`, from the current scope of this container."""
        return inject_from(self, function, sys._getframe(1))

    async def get(self, key: TypeForm[T]) -> T:
        """The object for *key*, from the current scope of this container.

        Raises:
            NoScopeError: No scope of this container is open here.
            LifescopeError: As `OpenScope.get`.
        """
        return await find_scope(self, spell(as_key(key).form)).get(key)

    async def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call *fn* with what is not passed filled from the current scope of this container.

        Raises:
            NoScopeError: No scope of this container is open here.
            LifescopeError: As `OpenScope.call`.
        """
        return await find_scope(self, "a function's parameters").call(fn, *args, **kwargs)


def _order(scopes: Sequence[str]) -> ScopeOrder:
    names = tuple(scopes)
    if not names or len(set(names)) < len(names) or TRANSIENT in names:
        raise errors.InvalidProviderError(
            name=f"scopes={names!r}",
            reason=f'needs at least one name, each once, and not "{TRANSIENT}"',
        )
    return ScopeOrder(names)
