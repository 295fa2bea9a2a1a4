"""App factories: everything that `container.asgi` takes for the making of the app."""

import inspect
from collections.abc import AsyncGenerator
from contextlib import ContextDecorator, asynccontextmanager
from typing import Any, cast

from lifescope import errors
from lifescope._asgi.protocol import AsgiApp
from lifescope._declare.signatures import by_name, called_function, read_entry
from lifescope._model.names import place_of, spell_callable, unwrap
from lifescope._model.provider import Entry, Provider
from lifescope._runtime.engine import Engine
from lifescope._runtime.filling import Filler
from lifescope._runtime.scope import OpenScope

__all__ = ["AppFactory", "NotAloneError"]


class NotAloneError(Exception):
    """The app is made in the app scope only; the text says why, as a sentence without a stop."""


class AppFactory:
    """What gives the app, or is it.

    Attributes:
        name: What the user wrote.
    """

    def __init__(self, given: Any) -> None:
        self._given = given
        self._is_app = _is_asgi_app(given)
        self.name = _spell(given)

    def check(self, engine: Engine) -> None:
        """Check that everything it asks for is there in the app scope.

        Raises:
            GraphError: Nothing provides a parameter.
            ScopeOrderError: One lives in a narrower scope.
        """
        if (entry := self.entry()) is not None:
            engine.check_factory(entry)

    def entry(self) -> Entry | None:
        """What it asks for; None if it is an app, which asks by itself.

        Raises:
            GraphError: A parameter has no annotation, or one that cannot be read.
        """
        return None if self._is_app else read_entry(self._given, marked=False)

    def needs(self, engine: Engine) -> list[Provider]:
        """What its parameters ask for."""
        entry = self.entry()
        return [] if entry is None else Filler(engine, entry).providers

    def call_alone(self, engine: Engine) -> AsgiApp:
        """The app, where it can be had with nothing open: no provider is called for it.

        Raises:
            NotAloneError: It cannot.
            AppFactoryError: It gives no app.
            Exception: What the user's function raises.
        """
        if self._is_app:
            return cast("AsgiApp", self._given)
        function = inspect.unwrap(called_function(self._given))
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise NotAloneError(f"{self.name} is a generator function")
        if inspect.iscoroutinefunction(function):
            raise NotAloneError(f"{self.name} is async")
        if asked := self.needs(engine):
            raise NotAloneError(f"{self.name} asks for {asked[0].key}")
        entry = self.entry()
        assert entry is not None
        made: Any = by_name(self._given)(
            **{p.name: None for p in entry.parameters if not p.has_default}
        )
        if inspect.iscoroutine(made):
            made.close()
        if inspect.isawaitable(made):
            raise NotAloneError(f"{self.name} is async")
        if hasattr(made, "__aenter__"):
            raise NotAloneError(f"{self.name} gives a context manager")
        return self._checked(made)

    @asynccontextmanager
    async def open(self, engine: Engine, scope: OpenScope) -> AsyncGenerator[AsgiApp]:
        """The app, entered if it is given by a context manager."""
        given = self._given
        if self._is_app:
            yield given
            return
        if inspect.isasyncgenfunction(given):
            given = asynccontextmanager(given)
        filler = Filler(engine, read_entry(given, marked=False))
        made: Any = by_name(given)(**await filler.fill(scope))
        if inspect.isawaitable(made):
            made = await made
        if not hasattr(made, "__aenter__"):
            yield self._checked(made)
            return
        async with made as entered:
            # An app that is its own context manager may well return nothing from __aenter__.
            yield self._checked(entered if callable(entered) else made)

    def _checked(self, made: Any) -> AsgiApp:
        """What the factory has given, if it can be an app.

        Raises:
            AppFactoryError: It cannot.
        """
        # What @contextmanager makes can be called, too: as a decorator.
        is_sync = inspect.isgenerator(made) or isinstance(made, ContextDecorator)
        if callable(made) and not isinstance(made, type) and not is_sync:
            return cast("AsgiApp", made)
        given = made.__name__ if isinstance(made, type) else type(made).__name__
        raise errors.AppFactoryError(
            factory=self.name,
            given=given,
            is_class=isinstance(made, type),
            is_sync=is_sync,
            place=place_of(self._given),
        )


def _is_asgi_app(given: Any) -> bool:
    """An app rather than something that gives one: `async def` (scope, receive, send)."""
    if isinstance(given, type) or not callable(given):
        return False
    parameters = [p for name, p in inspect.signature(given).parameters.items() if name != "self"]
    if [parameter.name for parameter in parameters] == ["scope", "receive", "send"]:
        return True
    is_async = inspect.iscoroutinefunction(called_function(given))
    return is_async and len(parameters) == 3 and all(_could_be_asgi(p) for p in parameters)


def _could_be_asgi(parameter: inspect.Parameter) -> bool:
    return parameter.name in ("scope", "receive", "send") or (
        parameter.annotation is inspect.Parameter.empty
        and parameter.default is inspect.Parameter.empty
    )


def _spell(given: Any) -> str:
    if not callable(given):
        return repr(given)
    is_object = not (isinstance(given, type) or inspect.isroutine(unwrap(given)))
    return (
        f"{type(given).__qualname__}(...)"
        if is_object
        else spell_callable(given).removesuffix("()")
    )
