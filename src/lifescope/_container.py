"""Container: the façade. Every method delegates."""

import dataclasses
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from typing_extensions import TypeForm

from lifescope import errors
from lifescope._asgi.root import Root
from lifescope._asgi.settings import OnCrash, Settings
from lifescope._declare import registry
from lifescope._declare.arguments import wrong_values
from lifescope._graph.graph import Graph
from lifescope._graph.validate import build
from lifescope._inject import inject_from
from lifescope._model.keys import Key, as_key
from lifescope._model.names import Place, spell
from lifescope._model.provider import Declaration, Kind
from lifescope._model.scopes import TRANSIENT, ScopeOrder
from lifescope._runtime.binding import find_scope
from lifescope._runtime.exits import GRACE
from lifescope._runtime.opening import AppOpening
from lifescope._runtime.overrides import Engines, Override, by_key
from lifescope._runtime.running import DRAIN
from lifescope._runtime.setups import value_provider

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
        frame = sys._getframe(1)
        place = Place(frame.f_code.co_filename, frame.f_lineno)
        declarations, problems = registry.collect(sources, place)
        problems += wrong_values(values or {}, place)
        self.__lifescope_declarations__ = tuple(declarations)
        providers, unreadable = registry.read(declarations)
        given = {
            **registry.values_of(sources),
            **{as_key(form): value for form, value in (values or {}).items()},
        }
        self.__lifescope_values__ = given
        declared = {p.key for p in providers if p.kind is Kind.SUPPLIED and p.scope == order.widest}
        ready = [value_provider(key, order) for key in given if key not in declared]
        is_complete = len(providers) == len(declarations)
        graph, wrong = build([*providers, *ready], order, place, is_complete=is_complete)
        if found := [*problems, *unreadable, *wrong]:
            error = errors.GraphError.of(found)
            error.graph = dataclasses.replace(graph, problems=tuple(found))
            raise error
        self._engines = Engines(graph, given, order, self)

    def __repr__(self) -> str:
        return f"<Container with {len(self.__lifescope_declarations__)} providers>"

    @property
    def graph(self) -> Graph:
        """The checked graph, with the overrides that are in force."""
        return self._engines.current().engine.graph

    def asgi(
        self,
        app_factory: Any,
        *,
        values: Mapping[Any, Any] | None = None,
        exclude: Collection[ContextVar[Any]] = (),
        concurrent_start: bool = False,
        start_timeout: float | None = None,
        drain_timeout: float = DRAIN,
        crash_timeout: float = 1.0,
        stop_timeout: float = GRACE,
        on_crash: OnCrash = "stop",
        start_on_request: bool = False,
        is_failure: Callable[[Exception], bool] | None = None,
    ) -> Root:
        """The composition root: an ASGI app that opens the app scope in its lifespan.

        At start it makes the app-scoped objects that are needed, calls *app_factory*, and runs
        the lifespan of the app that it gives. Each HTTP request and WebSocket then runs with a
        request scope, in a context that has what start-up set in context variables.

        What the factory asks for, and what says `eager=True`, is made before the factory is
        called; what the app's routes ask for, afterwards. Where routes cannot be read, in an
        ASGI app of your own, that is everything. The rest is made when it is first asked for.

        Args:
            app_factory: A function or coroutine function that returns the app, an async
                generator function or async context manager function that yields it, a class
                of which the instance is the app, maybe an async context manager as well, or
                an app. Its parameters are keys of the app scope.
            values: Key to object, for what is declared with `supplied` in the app scope.
            exclude: Context variables that do not flow from start-up into requests.
            concurrent_start: Make independent objects at the same time. Each then sees the
                context variables set by what it depends on, not those set by others.
            start_timeout: Seconds for the whole start. See also the provider's `start_timeout`.
            drain_timeout: Seconds for which requests and background work may go on when the
                app stops, before they are cancelled. New requests get a 503 meanwhile.
            crash_timeout: The same when the app stops because it has crashed.
            stop_timeout: Seconds for the app's own lifespan and the factory to end, and for
                each release whose provider has no `stop_timeout` of its own.
            on_crash: What to do when a task of an app-scoped provider, of the factory or of
                the app's lifespan has failed and everything has been released: "stop" asks the
                server's process to stop, with an exit code other than 0 where it allows that;
                a function is called with the error, and awaited if it is async; with None the
                app goes on answering 503.
            start_on_request: Start when the first request comes in, if no lifespan has been
                run: for servers that send none. Whether everything is released then depends
                on how the event loop ends.
            is_failure: Whether an exception that leaves an endpoint, or a function with a
                scope "call" of its own, is a failure: providers then see it at their `yield`,
                also where the framework turns it into a response. By default every one is.
                What leaves the app itself, and a cancellation, always are.

        Raises:
            GraphError: Nothing provides a parameter of the factory.
            SuppliedValueError: A value is declared for a scope that the root opens itself.
        """
        frame = sys._getframe(1)
        settings = Settings(
            place=Place(frame.f_code.co_filename, frame.f_lineno),
            values=dict(values or {}),
            exclude=frozenset(exclude),
            concurrent_start=concurrent_start,
            start_timeout=start_timeout,
            drain_timeout=drain_timeout,
            crash_timeout=crash_timeout,
            stop_timeout=stop_timeout,
            on_crash=on_crash,
            start_on_request=start_on_request,
            is_failure=is_failure,
        )
        return Root(self, self._engines.current, app_factory, settings)

    def open(self, values: Mapping[Any, Any] | None = None) -> AppOpening:
        """Open an app scope: `async with container.open() as scope:`; for workers and scripts.

        Providers are acquired when they are first asked for; those with `eager=True` at once.

        Args:
            values: Key to object, for what is declared with `supplied` in the app scope.

        Raises:
            SuppliedValueError: The values are not the declared ones.
        """
        if isinstance(values, str):
            raise TypeError(
                f"container.open() opens an app scope; the scope {values!r} opens in it: "
                f"async with container.open() as app, app.open({values!r}) as scope: ..."
            )
        return AppOpening(
            self._engines.current,
            values,
            frame=sys._getframe(1),
            eager=lambda engine: engine.eager_providers(()),
        )

    @overload
    def override(
        self, key: TypeForm[T], replacement: Any, /, *, local: bool = False
    ) -> Override: ...
    @overload
    def override(self, replacements: Mapping[Any, Any], /, *, local: bool = False) -> Override: ...
    def override(self, key: Any, *replacement: Any, local: bool = False) -> Override:
        """Replace providers: `with container.override(Mailer, fake_mailer): ...`.

        What is replaced is never made. In an app scope that is opened inside the block, the
        replacement is a provider like any other. Above one that is open already it makes an
        overlay: what needs the key in the app scope, in however many steps, is made again, once
        and when it is asked for; everything else is shared. Requests that begin inside the
        block, and whoever asks the app scope itself, get what is in the overlay. Scopes that
        were open before, and objects that they hold, stay what they are; and nothing that was
        made for the block outlives it.

        Args:
            key: The key; or a mapping of keys to replacements.
            replacement: An object, or a provider: a function or class marked with
                `@provider`, or what `provider(...)` returns, with its own needs and release.
            local: It holds in the context (of context variables) that enters it, and in tasks
                and threads that inherit that: for tests that run at the same time. By default
                it holds in every thread and event loop, so that a server in another thread sees
                it, too.

        Returns:
            A context manager that is also a decorator. `async with` waits until everything
            that was made for the block is released; `with` has the event loop do it as soon
            as it can, and before the app scope ends.

        An override that could not have had any effect, because nothing asks for its key, ends
        with an `UnusedOverrideWarning`; one that is never entered, too.

        Raises:
            UnknownOverrideError: Nothing provides the key.
            DuplicateOverrideError: The mapping has one key twice, in different forms.
            WrongReplacementError: A class or function that is no provider is to replace what
                it would make.
            GraphError: The replacement does not fit into the graph.
        """
        frame = sys._getframe(1)
        place = Place(frame.f_code.co_filename, frame.f_lineno)
        return self._override_at(place, key, *replacement, local=local)

    def _override_at(
        self, place: Place, key: Any, *replacement: Any, local: bool = False
    ) -> Override:
        """An override that is written at *place*."""
        given = _replacements(key, replacement)
        return Override(self._engines, by_key(given), local=local, place=place)

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


def _replacements(key: Any, replacement: tuple[Any, ...]) -> Mapping[Any, Any]:
    if len(replacement) == 1:
        return {key: replacement[0]}
    if not replacement and isinstance(key, Mapping):
        mapping: Mapping[Any, Any] = key  # pyright: ignore[reportUnknownVariableType]
        return mapping
    raise TypeError("override() takes a key and its replacement, or a mapping of these")


def _order(scopes: Sequence[str]) -> ScopeOrder:
    names = tuple(scopes)
    if isinstance(scopes, str):  # it is a sequence, of its letters
        raise errors.InvalidProviderError(
            name=f"scopes={scopes!r}",
            reason="is a text, and not a tuple of names",
            fixes=[f'say scopes=("{scopes}",), if that is the only one.'],
        )
    if not names or len(set(names)) < len(names) or TRANSIENT in names:
        raise errors.InvalidProviderError(
            name=f"scopes={names!r}",
            reason=f'needs at least one name, each once, and not "{TRANSIENT}"',
            fixes=['name the scopes, the widest first: scopes=("app", "request", "call").'],
        )
    return ScopeOrder(names)
