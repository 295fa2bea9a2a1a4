"""Litestar: `Inject[T]` in route handlers, with one plugin and no decorator.

    @get("/orders/{id:int}")
    async def order(id: int, session: Inject[AsyncSession]) -> Order: ...

    Litestar([order], plugins=[LifescopePlugin()])

Only public names of Litestar are used. The plugin gives each handler a function that fills the
injected parameters and does not show them, so that neither the OpenAPI schema nor Litestar's
own injection knows of them. A guard, the first of all, hands in Litestar's own connection, and
`after_exception` sees every error of which Litestar makes a response.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from litestar import Controller, Router, di, params
from litestar.concurrency import sync_to_thread
from litestar.config.app import AppConfig
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.plugins import InitPlugin
from litestar.routes import HTTPRoute

from lifescope import Inject as _Marked
from lifescope import NoScopeError, OpenScope, current_scope, inject

__all__ = ["Inject", "LifescopePlugin", "inject"]

T = TypeVar("T")


class LifescopePlugin(InitPlugin):
    """Fills `Inject[T]` in route handlers, and tells providers how a request has ended.

    It reads the handlers that the app is made with: functions, methods of controllers, and
    what is in routers. `@inject`, under Litestar's own decorator, is for the rest: WebSocket
    listeners, functions for `Provide`, and handlers that are registered later.
    """

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Litestar calls this before it reads its handlers."""
        for handler in _handlers(app_config.route_handlers):
            _fill(handler)
        hooks: Any = app_config
        hooks.guards.insert(0, _meet)
        hooks.after_exception.insert(0, _record)
        return app_config


def _handlers(registered: Iterable[Any]) -> Iterator[BaseRouteHandler]:
    for each in registered:
        if isinstance(each, BaseRouteHandler):
            yield each
        elif isinstance(each, Router):
            for route in each.routes:
                if isinstance(route, HTTPRoute):
                    yield from route.route_handlers
                else:
                    yield route.route_handler
        elif isinstance(each, type) and issubclass(each, Controller):
            yield from (member for _, member in inspect.getmembers(each, _is_handler))


def _is_handler(member: object) -> bool:
    return isinstance(member, BaseRouteHandler)


def _fill(handler: BaseRouteHandler) -> None:
    """Have *handler* call a function that is filled, if there is anything to fill."""
    function = handler.fn
    if not inspect.isroutine(function) or inspect.isasyncgenfunction(function):
        return  # a listener, or a stream
    if len(inspect.signature(inject(function)).parameters) == len(
        inspect.signature(function).parameters
    ):
        return
    if isinstance(handler, HTTPRouteHandler) and not inspect.iscoroutinefunction(function):
        function = _awaited(function, in_thread=bool(handler.sync_to_thread))
        handler.sync_to_thread = None  # it is for synchronous functions
    handler(inject(function))


def _awaited(function: Callable[..., Any], *, in_thread: bool) -> Callable[..., Any]:
    """*function* as a coroutine function: what it needs is made before it is called."""

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        if in_thread:
            return await sync_to_thread(function, *args, **kwargs)
        return function(*args, **kwargs)

    return awaited


def _request_scope() -> OpenScope | None:
    """None where the app is not served by `container.asgi`, as in a test of something else."""
    try:
        scope: OpenScope | None = current_scope()
    except NoScopeError:
        return None
    while scope is not None and scope.name != "request":
        scope = scope.parent
    return scope


async def _meet(connection: Any, _: BaseRouteHandler) -> None:
    """A guard that refuses nobody: providers get the connection that the handler gets."""
    if (scope := _request_scope()) is not None:
        scope.supply_connection(connection)


async def _record(error: Exception, _: Any) -> None:
    """After an exception: the scope has failed, although Litestar makes a response of it."""
    if (scope := _request_scope()) is not None:
        scope.record_failure(error)


if TYPE_CHECKING:
    Inject = Annotated[T, "filled by lifescope"]
else:

    class Inject:
        """Marks a parameter that lifescope fills: `session: Inject[AsyncSession]`.

        For a type checker it is plain `AsyncSession`. Where nobody would fill it, because the
        plugin or `@inject` is missing, Litestar refuses to start: the dependency is missing.
        """

        def __class_getitem__(cls, key):
            if hasattr(di, "NamedDependency"):
                return di.NamedDependency[_Marked[key]]
            return Annotated[_Marked[key], params.Dependency(skip_validation=True)]  # before 2.23
