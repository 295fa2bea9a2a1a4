"""What a case may ask of a container, and what an adapter has to offer.

A case is written once, against `Peer`, `App` and `Scope`. For what its container has no way to
say, an adapter raises `CannotExpressError`; the case is then "n/a" in its column.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from fastapi import FastAPI

T = TypeVar("T")

Lifetime = Literal["app", "request", "transient"]


class CannotExpressError(Exception):
    """Raised by an adapter when its container has no way to say this; the case is n/a."""


@dataclass(frozen=True)
class Declaration:
    """One provider: an ordinary class or function of the user's, read by its annotations.

    `factory` is a class, a function, a coroutine function, or a generator function of either
    kind, decorated with `@contextmanager` / `@asynccontextmanager` or not. `provides` is what it
    is asked for as, where that is not its annotation; several keys are one object. `many`
    contributes to a collection; `decorates` wraps the provider of the same type.
    """

    factory: Callable[..., Any]
    scope: Lifetime
    provides: tuple[Any, ...] = ()
    name: str | None = None
    many: bool = False
    decorates: bool = False


@dataclass(frozen=True)
class Value:
    """An object that is there already, for `form`."""

    form: type
    value: Any


Source = Declaration | Value


def provide(factory: Callable[..., Any], scope: Lifetime, **options: Any) -> Declaration:
    """A declaration, in fewer words."""
    return Declaration(factory, scope, **options)


class Scope(ABC):
    """An open request scope."""

    @abstractmethod
    async def get(self, key: Any, name: str | None = None) -> Any:
        """The object for *key*; the peer's own error where there is none."""


Body = Callable[[Scope], Awaitable[T]]


class App:
    """An open app scope, or what stands for it."""

    async def get(self, key: Any, name: str | None = None) -> Any:
        """The app-scoped object for *key*."""
        raise CannotExpressError("nothing can be asked for outside a request")

    async def close(self) -> None:
        """Close it by hand, as well as at the end of its block."""
        raise CannotExpressError("there is no app scope that could be closed")

    def scope(self) -> AbstractAsyncContextManager[Scope]:
        """Open a request scope."""
        raise CannotExpressError("a request scope cannot be opened by hand")

    async def request(self, body: Body[T], *keys: Any) -> T:
        """Run *body* in a request scope of its own.

        Args:
            body: Awaited with the open scope.
            keys: All that *body* may ask for. Where things are made before the request's
                function is called, these are its parameters.
        """
        async with self.scope() as scope:
            return await body(scope)


class Peer(ABC):
    """One column of the table: a container, and the settings it is used with."""

    column: str
    """The heading."""
    distributions: tuple[str, ...]
    """What to print the versions of."""
    settings: str = ""
    """Opt-in settings that are used, for the legend; empty for what is the default."""

    @abstractmethod
    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        """Build the container, which is the time for its checks, and open the app scope.

        The building happens in this call, not when the block is entered.
        """

    @abstractmethod
    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        """An ASGI app: FastAPI with `handler(value of key)` at "/", wired as the peer's docs say.

        Args:
            handler: A function or coroutine function of one argument.
            key: What its argument is.
            sources: Providers.
            route: Passed to FastAPI's `add_api_route`; `websocket=True` makes a WebSocket route,
                whose handler is called with the value and the WebSocket.
        """

    def resolver(self, scope: Lifetime) -> Any:
        """The annotation with which a provider in *scope* asks for the container itself."""
        raise CannotExpressError("a provider cannot ask the container for other things")

    def collection(self, form: Any) -> Any:
        """The annotation with which a parameter asks for all contributions to *form*."""
        raise CannotExpressError("there are no collections")

    async def ask(self, resolver: Any, key: Any) -> Any:
        """Ask a resolver, in a provider, for *key*."""
        return await resolver.get(key)


def add_route(app: FastAPI, endpoint: Callable[..., Any], route: dict[str, Any]) -> None:
    """Put *endpoint* at "/"."""
    if route.pop("websocket", False):
        app.add_api_websocket_route("/", endpoint)
    else:
        app.add_api_route("/", endpoint, **{"response_model": None, **route})


def cannot(why: str) -> NoReturn:
    """Raise `CannotExpressError`, where an expression is needed."""
    raise CannotExpressError(why)
