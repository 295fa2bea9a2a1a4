"""App factories: everything that `container.asgi` takes for the making of the app."""

import inspect
from collections.abc import AsyncGenerator
from contextlib import ContextDecorator, asynccontextmanager
from typing import Any, cast

from lifescope import errors
from lifescope._asgi.protocol import AsgiApp
from lifescope._declare.signatures import by_name, called_function, read_entry
from lifescope._model.names import spell_callable
from lifescope._model.provider import Provider
from lifescope._runtime.engine import Engine
from lifescope._runtime.filling import Filler
from lifescope._runtime.scope import OpenScope

__all__ = ["AppFactory"]


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
        if not self._is_app:
            engine.check_factory(read_entry(self._given, marked=False))

    def needs(self, engine: Engine) -> list[Provider]:
        """What its parameters ask for."""
        if self._is_app:
            return []
        return Filler(engine, read_entry(self._given, marked=False)).providers

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
            factory=self.name, given=given, is_class=isinstance(made, type), is_sync=is_sync
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
    spelled = spell_callable(given) if callable(given) else repr(given)
    return spelled.removesuffix("()")
