"""Overrides: replacements of providers, and the engine that is in force with them."""

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any, Self, TypeVar, cast, get_origin

from lifescope import errors
from lifescope._declare.registry import declaration_of
from lifescope._declare.replacing import is_meant_to_be_called
from lifescope._graph.graph import Graph
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key, as_key
from lifescope._model.names import Place, spell, spell_callable
from lifescope._model.provider import Declaration, Provider
from lifescope._model.scopes import ScopeOrder
from lifescope._runtime.engine import Engine, InForce
from lifescope._runtime.exits import report
from lifescope._runtime.loops import is_cancellation
from lifescope._runtime.observing import Observers
from lifescope._runtime.overlays import LOCAL, Overlays, OverlayScope, overlays_of
from lifescope._runtime.scope import OpenScope
from lifescope._runtime.setups import Replaced, Setups

__all__ = [
    "Engines",
    "Override",
    "UnusedOverrideWarning",
    "by_key",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_Ended = tuple[Overlays, list[OverlayScope]]
"""Overlays that have ended, and what they were above."""


class UnusedOverrideWarning(UserWarning):
    """An override has ended that cannot have had any effect, because nothing asks for its key.

    Or it was never entered: a `with` is missing.

    Nothing asks for it, that is: no provider needs it, no endpoint of an app that has started,
    no function that was filled, and nobody has asked a scope of this container for it so far.
    Usually the code under test has changed, and the test still passes, for the wrong reason.
    """


UnusedOverrideWarning.__module__ = "lifescope"


class Layer:
    """The replacements of one override, while it is entered.

    Attributes:
        replaced: What is replaced. Of two layers that are equal here, only the objects differ:
            one engine does for both.
        ready: Key to object.
        is_local: It holds for the context in which it was entered.
        engines: Whose they are.
        is_over: It has ended; contexts that were copied meanwhile still have it.
    """

    def __init__(self, engines: "Engines", replacements: Mapping[Key, Any], *, local: bool) -> None:
        self.engines = engines
        self.replaced: Replaced = {key: engines.known(each) for key, each in replacements.items()}
        self.ready = {key: replacements[key] for key, own in self.replaced.items() if own is None}
        self.is_local = local
        self.is_over = False


class Engines:
    """The engine of a container, and those in force while overrides are.

    An override holds for the app scopes that are opened while it is in force; above those that
    are open already it puts overlays.
    """

    def __init__(
        self, graph: Graph, values: Mapping[Key, Any], scopes: ScopeOrder, container: object
    ) -> None:
        self._values = dict(values)
        self._apps: dict[int, weakref.ref[OpenScope]] = {}
        self._wanted: set[Key] = set()
        self._setups = Setups(scopes, container)
        self._lock = self._setups.lock
        self._layers: list[Layer] = []
        self._base = self._setups.first(graph, self._values)

    @property
    def observers(self) -> Observers:
        """Who listens."""
        return self._setups.observers

    @property
    def declared(self) -> Sequence[Provider]:
        """The providers, without any override."""
        return self._base.declared

    def current(self) -> InForce:
        """With what an app scope is opened now, from here."""
        with self._lock:
            layers = self._in_force()
            opened = partial(self._opened, layers)
            if not layers:
                return InForce(self._base.engine, self._values, opened)
            setup, ready = self._base, dict(self._values)
            for layer in layers:
                setup = self._setups.whole(setup, layer.replaced)
                ready = {k: v for k, v in ready.items() if k not in layer.replaced} | layer.ready
            return InForce(setup.engine, ready, opened)

    def _opened(self, layers: Collection[Layer], app: OpenScope) -> None:
        """An app scope is open, with *layers*; maybe one more has been put in force meanwhile."""
        with self._lock:
            self._apps = {id(each): weakref.ref(each) for each in (*self._open_apps(), app)}
            for layer in self._in_force():
                if layer not in layers:
                    overlays_of(app).push(layer, self._above, local=layer.is_local)

    def _in_force(self) -> list[Layer]:
        return [*self._layers, *(layer for layer in _local() if layer.engines is self)]

    def layer(self, replacements: Mapping[Key, Any], *, local: bool) -> Layer:
        """What *replacements* are, checked to fit into the graph as it is now.

        Raises:
            UnknownOverrideError: Nothing provides one of the keys.
            WrongReplacementError: A class or function is handed in as if it were an object.
            GraphError: A replacement does not fit into the graph.
        """
        graph = self._base.engine.graph
        for key, replacement in replacements.items():
            if (provider := graph.find(key)) is None:
                suggestions = suggest(key, graph.declared, unmarked=False)
                raise errors.UnknownOverrideError(key=key, suggestions=suggestions)
            is_object = declaration_of(replacement) is None
            if is_object and is_meant_to_be_called(replacement, key.form):
                given, scope = spell_callable(replacement), provider.scope
                raise errors.WrongReplacementError(key=key, given=given, scope=scope)
        layer = Layer(self, replacements, local=local)
        if any(layer.replaced.values()):  # objects need nothing, and fit everywhere
            self._setups.whole(self.current().engine.origin, layer.replaced)
        return layer

    def push(self, layer: Layer) -> list[_Ended]:
        """Put *layer* in force: for new app scopes, and above those that are open.

        Returns:
            What has to be closed then.

        Raises:
            GraphError: It does not fit into an app scope that was opened with other overrides.
        """
        with self._lock:
            apps = self._open_apps()
            for app in apps:  # before anything is changed
                overlays = overlays_of(app)
                above = overlays.in_force() if layer.is_local else overlays.for_all()
                self._setups.above(above, layer.replaced)
            if layer.is_local:
                LOCAL.set((*_local(), layer))
            else:
                self._layers.append(layer)
            return [
                (overlays, overlays.push(layer, self._above, local=layer.is_local))
                for overlays in map(overlays_of, apps)
            ]

    def pop(self, layer: Layer) -> list[_Ended]:
        """End exactly *layer*, whatever has been put in force since; what then has to be closed."""
        with self._lock:
            layer.is_over = True
            if layer.is_local:
                LOCAL.set(_local())
            self._layers = [other for other in self._layers if other is not layer]
            ended = [
                (app.overlays, app.overlays.pop(layer, self._above))
                for app in self._open_apps()
                if app.overlays is not None
            ]
            layer.ready = {}  # contexts that were copied meanwhile keep nothing alive
            return ended

    def unused(self, layer: Layer) -> list[Key]:
        """The keys of *layer*, which is in force, that nobody is known to ask for.

        Asked for is what a provider needs, what an entry point of an app has needed at its
        start, what is made at a start, and whatever anybody has asked for so far.
        """
        keys = [key for key in layer.replaced if not self._is_asked_for(key, self._base.engine)]
        if keys:
            engine = self.current().engine  # a replacement may need it
            keys = [key for key in keys if not self._is_asked_for(key, engine)]
        return keys

    def _is_asked_for(self, key: Key, engine: Engine) -> bool:
        if key in self._wanted or key in self._setups.asked:
            return True
        provider = engine.graph.find(key)
        edges = engine.graph.index.edges
        is_wanted = provider is None or bool(provider.eager)
        is_wanted = is_wanted or any(
            asker.leads_to is provider or any(edge.provider is provider for edge in edges[asker])
            for asker in list(edges)
        )
        if is_wanted and engine is self._base.engine:
            self._wanted.add(key)
        return is_wanted

    def known(self, replacement: Any) -> Declaration | None:
        """What *replacement* declares; None for an object."""
        declaration = declaration_of(replacement)
        return None if declaration is None else self._setups.known(declaration)

    def _open_apps(self) -> list[OpenScope]:
        found = (reference() for reference in self._apps.values())
        return [app for app in found if app is not None and not app.closed]

    def _above(self, layer: Any, base: OpenScope) -> OverlayScope:
        """An overlay above *base*, an app scope, in which *layer* holds."""
        return self._setups.above(base, layer.replaced).open_above(base, layer.ready)


class Override:
    """A replacement of providers while it is entered; `container.override` returns it.

    A context manager (`with` and `async with`), and a decorator for functions and coroutine
    functions. `async with` has released everything that was made for it when the block is left;
    `with` has it released as soon as the event loop gets to it.
    """

    _next: Layer | None = None

    def __init__(
        self,
        engines: Engines,
        replacements: Mapping[Key, Any],
        *,
        local: bool = False,
        place: Place,
    ) -> None:
        self._engines = engines
        self._place = place
        self._replacements = replacements
        self._local = local
        self._entered: list[Layer] = []
        self._next = engines.layer(replacements, local=local)

    def __enter__(self) -> Self:
        """Put the replacements in force."""
        _close_soon(self._begin())
        return self

    def __exit__(self, *error: object) -> None:
        """End them."""
        layer = self._innermost()
        unused = [] if any(error) else self._engines.unused(layer)
        _close_soon(self._engines.pop(layer))
        self.warn(unused)

    def end(self) -> tuple[list[Key], "list[_Ended]"]:
        """End them; what to `warn` of, and what has to be closed, by whoever calls this."""
        layer = self._innermost()
        unused = self._engines.unused(layer)
        return unused, self._engines.pop(layer)

    def give_up(self) -> None:
        """It will not be entered, for a reason that is known."""
        self._next = None

    def __del__(self) -> None:
        if self._next is not None and self._replacements:
            keys = ", ".join(map(str, self._replacements))
            self._warn_of(f"the override of {keys} was never entered: use it with `with`")

    async def __aenter__(self) -> Self:
        """Put the replacements in force."""
        await _close(self._begin())
        return self

    async def __aexit__(
        self, kind: object = None, error: BaseException | None = None, traceback: object = None
    ) -> None:
        """End them, and wait until everything that was made for them is released."""
        layer = self._innermost()
        unused = [] if error is not None else self._engines.unused(layer)
        await _close(self._engines.pop(layer), error)
        self.warn(unused)

    def _begin(self) -> list[_Ended]:
        layer = self._next or self._engines.layer(self._replacements, local=self._local)
        self._next = None
        ended = self._engines.push(layer)
        self._entered.append(layer)
        return ended

    def _innermost(self) -> Layer:
        """The one that was entered last, in this context where that counts."""
        entered = self._entered
        here = [layer for layer in entered if layer in LOCAL.get()] if self._local else entered
        if not entered:
            raise RuntimeError("this override is not entered, so it cannot be left")
        layer = (here or entered)[-1]
        entered.remove(layer)
        return layer

    def _anew(self) -> "Override":
        """The same, to be entered by somebody else at the same time."""
        return Override(self._engines, self._replacements, local=self._local, place=self._place)

    def warn(self, unused: Sequence[Key]) -> None:
        """Say that nobody asks for these keys."""
        for key in unused:
            self._warn_of(f"nothing asks for {key}, so its override has had no effect")

    def _warn_of(self, message: str) -> None:
        warnings.warn_explicit(message, UnusedOverrideWarning, self._place.file, self._place.line)

    def __call__(self, function: _F, /) -> _F:
        """Put the replacements in force whenever *function* runs."""
        if isinstance(function, type):  # its methods would run without them
            raise TypeError(
                f"an override decorates functions, and {spell(function)} is a class: decorate its "
                "methods, or enter the override in a fixture that they share"
            )
        self._next = None  # each call has one of its own
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
            async with self._anew():
                return await function(*args, **kwargs)

        return wrapper

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with self._anew():
                async with aclosing(function(*args, **kwargs)) as items:
                    async for item in items:
                        yield item

        return wrapper

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self._anew():
                items: Generator[Any, Any, Any] = function(*args, **kwargs)
                return (yield from items)

        return wrapper

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._anew():
                return function(*args, **kwargs)

        return wrapper


def _local() -> tuple[Layer, ...]:
    """The layers that hold for this context."""
    return tuple(each for each in LOCAL.get() if isinstance(each, Layer) and not each.is_over)


def _close_soon(all_ended: list[_Ended]) -> None:
    for overlays, ended in all_ended:
        overlays.close_soon(ended)


async def _close(all_ended: list[_Ended], outcome: BaseException | None = None) -> None:
    """Close all, whatever fails; raises what is to be raised instead of *outcome*."""
    failures: list[BaseException] = []
    for overlays, ended in all_ended:
        try:
            await overlays.close(ended)
        except BaseException as error:
            failures.append(error)
    has_crashed = any(overlays.has_crashed for overlays, _ in all_ended)
    if failures and has_crashed and is_cancellation(outcome):
        outcome = None  # the cancellation is ours, and this is what it was about
    if (failed := report(failures, outcome)) is not None:
        raise failed


def by_key(replacements: Mapping[Any, Any]) -> dict[Key, Any]:
    """Key to replacement.

    Raises:
        DuplicateOverrideError: Two of them are for the same key.
    """
    spelled: dict[Key, list[str]] = {}
    for form in replacements:
        spelled.setdefault(as_key(form), []).append(_written(form))
    for key, forms in spelled.items():
        if len(forms) > 1:
            raise errors.DuplicateOverrideError(key=key, spelled=forms)
    return {as_key(form): each for form, each in replacements.items()}


def _written(form: Any) -> str:
    """*form* as it was written, without what else it has been annotated with."""
    return f"Annotated[{spell(form)}, ...]" if get_origin(form) is Annotated else spell(form)
