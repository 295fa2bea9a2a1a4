"""The boundary around each endpoint of an app, put there when the app has started.

Frameworks turn exceptions into responses, some of them right around the endpoint. Whoever
stands further out, as the root does, never sees these. So the boundary stands as far in as
the routes let it, and looks at what their handlers are called for.
"""

import logging
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from lifescope._asgi.protocol import AsgiApp, AsgiScope, Receive, Send
from lifescope._asgi.routes import leaves
from lifescope._model.scopes import REQUEST
from lifescope._runtime.binding import current

__all__ = ["Boundary", "bound_endpoints", "fitters"]

_logger = logging.getLogger("lifescope")

fitters: list[Callable[[Any, Any], None]] = []
"""Of adapters: each is called with a route, and with the app of it."""

_HANDLERS = "starlette.exception_handlers"
"""Where Starlette, and FastAPI, look for those by class and those by status, a pair."""


def bound_endpoints(app: Any) -> None:
    """Put a boundary around each endpoint of *app*, once, where its routes can be read.

    Then let the adapters fit what they can. For routes that are added later, or that look
    different, `@inject` and the adapters do the same for functions that they fill.
    """
    for leaf, _ in leaves(app):
        if not hasattr(leaf, "matches") or not hasattr(leaf, "app"):  # it is no route
            continue
        if leaf.app is not None and not isinstance(leaf.app, Boundary):
            inner, is_endpoint = leaf.app, getattr(leaf, "endpoint", None) is not None
            try:
                leaf.app = Boundary(inner, is_endpoint=is_endpoint)
            except (AttributeError, TypeError):  # a class of the user's that allows nothing
                continue
            if _has_handler_of_its_own(leaf):
                leaf.dependant.call = _recorded(leaf.dependant.call)
            _fit(leaf, inner)


def _fit(route: Any, app: Any) -> None:
    """Let the adapters fit *route*. What they cannot do is no reason not to start."""
    for fit in fitters:
        try:
            fit(route, app)
        except Exception:
            _logger.warning("%r could not be fitted, and is served as it is", route, exc_info=True)


def _has_handler_of_its_own(leaf: Any) -> bool:
    """FastAPI: whether a class of the user's runs the endpoint, and may catch what leaves it."""
    route: Any = getattr(leaf, "original_route", leaf)
    handler: Any = getattr(route, "get_route_handler", None)
    module = getattr(handler, "__module__", "fastapi")
    is_endpoint = getattr(getattr(leaf, "dependant", None), "call", None) is not None
    return is_endpoint and module.partition(".")[0] != "fastapi"


class Boundary:
    """The app of a route; what leaves it is told to the request scope.

    An app that is mounted is no endpoint, and may have some inside, with exception handlers of
    its own. They are told of as well.
    """

    def __init__(self, app: AsgiApp, *, is_endpoint: bool) -> None:
        self.app = app
        self._is_endpoint = is_endpoint
        self._handlers: tuple[Mapping[Any, Any], tuple[_Told, _Told]] | None = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI 3)."""
        # Every request comes through here, so the usual cases are told without a call.
        request = around = current.get(None)
        if request is not None and request.name != REQUEST:
            request = request.around(REQUEST)
        if around is None or request is None or request.is_in_endpoint:
            await self.app(scope, receive, send)
            return
        handlers = scope.get(_HANDLERS)
        if handlers is not None:
            known = self._handlers
            if known is None or known[0] is not handlers[0]:
                known = self._told(handlers)
            scope[_HANDLERS] = known[1]
        request.is_in_endpoint = self._is_endpoint
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            around.record_failure(error)  # a call, too, that a middleware is in
            raise
        finally:
            request.is_in_endpoint = False
            if handlers is not None:
                scope[_HANDLERS] = handlers

    def _told(self, handlers: tuple[Mapping[Any, Any], Mapping[Any, Any]]) -> tuple[Any, Any]:
        """The same handlers, which tell first; made once, as an app has one pair of them."""
        by_class, by_status = handlers
        known = self._handlers = by_class, (_Told(by_class), _Told(by_status))
        return known


class _Told(Mapping[Any, Any]):
    """Exception handlers, each of which tells the request scope what it is called for."""

    def __init__(self, handlers: Mapping[Any, Any]) -> None:
        self._handlers = handlers

    def __getitem__(self, key: Any) -> Any:
        handler = self._handlers[key]
        return None if handler is None else _told(handler)

    def __contains__(self, key: object) -> bool:
        return key in self._handlers

    def __iter__(self) -> Iterator[Any]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)


def _told(handler: Callable[[Any, Exception], Any]) -> Callable[[Any, Exception], Any]:
    """*handler*, of the same kind, sync or async: one that is sync is called in a thread."""

    @wraps(handler)
    def tell_sync(connection: Any, error: Exception) -> Any:
        _tell(error)
        return handler(connection, error)

    @wraps(handler)
    async def tell(connection: Any, error: Exception) -> Any:
        _tell(error)
        return await handler(connection, error)

    return tell if _is_async(handler) else tell_sync


def _tell(error: BaseException) -> None:
    """Tell the innermost scope here, which is a request or is in one."""
    scope = current.get(None)
    if scope is not None:
        scope.record_failure(error)


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, of the same kind; what leaves it is told, whoever catches it then."""

    @wraps(function)
    def call_sync(*args: Any, **kwargs: Any) -> Any:
        with _telling():
            result = function(*args, **kwargs)
        return awaited(result) if isawaitable(result) else result

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with _telling():
            return await function(*args, **kwargs)

    async def awaited(result: Awaitable[Any]) -> Any:
        with _telling():
            return await result

    return call if _is_async(function) else call_sync


@contextmanager
def _telling() -> Generator[None]:
    """What leaves the block has left the call that it is in, and so its request."""
    try:
        yield
    except BaseException as error:
        _tell(error)
        raise


def _is_async(function: Any) -> bool:
    """Whether Starlette, and FastAPI, await what it returns, and do not call it in a thread."""
    while isinstance(function, partial):
        function = function.func
    call = getattr(function, "__call__", None)  # noqa: B004
    return iscoroutinefunction(function) or iscoroutinefunction(call)
