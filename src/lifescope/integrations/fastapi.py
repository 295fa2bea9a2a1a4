"""FastAPI: `Inject[T]` in endpoints and dependencies, without any decorator.

`Inject[T]` is an `Annotated` with a `Depends`, and needs nothing but public names of FastAPI.
All parameters of one request share one more dependency, the boundary of the endpoint: it hands
in the framework's own connection object, opens a "call" scope where one is needed, and sees
what leaves the endpoint, handled or not. FastAPI leaves it when the endpoint has returned and
its result is serialised, and before the response starts (`Depends(scope="function")`).

When an app starts, each of its endpoints is fitted: instead of solving one dependency after
the other, FastAPI calls a function that has them all made by one compiled plan. A route that
is added later, or that does not look as expected, stays as it is and works the same way.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from types import CodeType, SimpleNamespace
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ForwardRef,
    TypeVar,
    get_args,
    get_type_hints,
)

from fastapi import Depends, routing
from fastapi.dependencies import utils
from fastapi.requests import HTTPConnection

from lifescope import Inject as _Marked
from lifescope import OpenScope, current_scope
from lifescope.adapters import Parameters

__all__ = ["Inject"]

T = TypeVar("T")


def _is_generator(function: Any) -> bool:
    """Whether an endpoint is a generator: the body of the response is what it yields."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if function is not None else None
    if not inspect.isroutine(function):
        function = getattr(function, "__call__", None)  # noqa: B004
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


class _Boundary:
    """Gives the scope in which the parameters of an endpoint are made.

    Args:
        scope: The one in which the endpoint is called.
        exits: Where a scope "call" is closed, once one of them lives in it.
    """

    def __init__(self, scope: OpenScope, exits: AsyncExitStack) -> None:
        self._scope = scope
        self._exits = exits

    async def scope_for(self, key: Any) -> OpenScope:
        """A scope that *key* can be asked of."""
        if self._scope.narrower_for(key) == "call":
            self._scope = await self._exits.enter_async_context(self._scope.open("call"))
        return self._scope


async def _body() -> AsyncIterator[AsyncExitStack]:
    """What ends when the body was sent."""
    async with AsyncExitStack() as exits:
        yield exits


async def _endpoint(
    connection: HTTPConnection, body: Annotated[AsyncExitStack, Depends(_body, scope="request")]
) -> AsyncIterator[_Boundary]:
    """The boundary of an endpoint. One that is a generator returns when the body was sent."""
    scope = current_scope()
    with scope.endpoint(connection):
        if _is_generator(connection.scope.get("endpoint")):
            yield _Boundary(scope, body)
            return
        async with AsyncExitStack() as exits:
            yield _Boundary(scope, exits)


_Endpoint = Annotated[_Boundary, Depends(_endpoint, scope="function")]


class _Parameter:
    """The dependency behind one `Inject[T]`.

    Args:
        key: T, maybe with names in quotes, of what is defined later.
        names: What these can be, by the time that somebody asks: globals, and locals.
    """

    def __init__(self, key: Any, names: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
        self._key = key
        self._names = names

    @property
    def key(self) -> Any:
        """T; as it is written, where a name is not there: whoever reads it then says so."""
        if self._names is not None:
            holder = SimpleNamespace(__annotations__={"key": self._key})
            with suppress(NameError):
                self._key = get_type_hints(holder, *self._names, include_extras=True)["key"]
                self._names = None
        return self._key

    @property
    def __lifescope_key__(self) -> Any:
        """For the root, which reads what the routes ask for."""
        return self.key

    def __lifescope_fit__(self, dependant: Any) -> None:
        """For the root, which has put a boundary around the endpoint that *dependant* is."""
        if _looks_as_expected(dependant):
            _fit(dependant)

    async def __call__(self, boundary: _Endpoint) -> Any:
        scope = await boundary.scope_for(self.key)
        return await scope.get(self.key)


# --- fitting an endpoint --------------------------------------------------------------------

_OURS = "_lifescope"
"""The name of the one parameter that FastAPI passes instead of the injected ones."""

_STACK = "fastapi_function_astack"
"""Where FastAPI keeps, in ASGI's scope, what ends before the response starts ..."""

_BODY_STACK = "fastapi_inner_astack"
"""... and what ends when its body was sent."""


_Fill = Callable[[HTTPConnection], Awaitable[dict[str, Any]]]


def _filling(parameters: Parameters, stack: str) -> _Fill:
    """What makes the injected parameters of one endpoint; a "call" scope ends with *stack*."""

    def fill(connection: HTTPConnection) -> Awaitable[dict[str, Any]]:
        return parameters.fill_for(connection, lambda: connection.scope[stack])

    return fill


def _awaited(fill: _Fill) -> Callable[..., Any]:
    """*fill* as a dependency: what is no coroutine function FastAPI calls in a thread."""

    async def dependency(connection: HTTPConnection) -> dict[str, Any]:
        return await fill(connection)

    return dependency


def _looks_as_expected(dependant: Any) -> bool:
    names = ("call", "dependencies", "http_connection_param_name", "path")
    return _CAN_FIT and all(hasattr(dependant, name) for name in names)


def _fit(dependant: Any) -> None:
    """Have the injected parameters of an endpoint made together, if it is a plain function.

    Another lifespan may serve a request with it at this moment. So whatever it has taken from
    *dependant* so far has to fit what it takes next: the function comes first, and accepts
    both the injected parameters and what stands for them.
    """
    function, is_async = dependant.call, _is_async(dependant.call)
    keys, others = dict[str, Any](), list[Any]()
    for each in dependant.dependencies:
        if isinstance(each.call, _Parameter) and each.name is not None:
            keys[each.name] = each.call.key
        else:
            others.append(each)
    if not keys or is_async is None:
        return
    parameters = Parameters(function, keys)
    if is_async:
        fill = _filling(parameters, _STACK)
        name = dependant.http_connection_param_name or _OURS
        filled = _async_wrapper(function, fill, name, next(iter(keys)))
        parameters.note_on(filled)
        dependant.call = filled
        dependant.http_connection_param_name = name
        dependant.dependencies = others
    else:  # FastAPI calls it in a thread, or iterates over it: what it gets is made before
        fill = _filling(parameters, _BODY_STACK if _is_generator(function) else _STACK)
        made = _get_dependant(path=dependant.path or "", call=_awaited(fill), name=_OURS)
        filled = _sync_wrapper(function)
        parameters.note_on(filled)
        dependant.call = filled
        dependant.dependencies = [*others, made]


def _async_wrapper(
    function: Callable[..., Any], fill: _Fill, connection: str, first: str
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def filled(**values: Any) -> Any:
        if first in values:
            values.pop(_OURS, None)
            return await function(**values)
        made = await fill(values.pop(connection) if connection == _OURS else values[connection])
        return await function(**values, **made)

    return filled


def _sync_wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def filled(**values: Any) -> Any:
        made = values.pop(_OURS, None)
        return function(**values) if made is None else function(**values, **made)

    return filled


def _is_async(function: Any) -> bool | None:
    """Whether FastAPI awaits what *function* returns; None where that is not certain."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        return None
    called = inspect.iscoroutinefunction(function)
    return called if called is inspect.iscoroutinefunction(inspect.unwrap(function)) else None


def _mentions(code: CodeType, text: str) -> bool:
    """Whether *text* is a constant in a function, or in one that is defined inside of it."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return text in code.co_consts or any(_mentions(each, text) for each in inner)


_get_dependant: Any = getattr(utils, "get_dependant", None)
_CAN_FIT = _get_dependant is not None and all(
    _mentions(each.__code__, stack)
    for stack in (_STACK, _BODY_STACK)
    for each in (routing.request_response, routing.websocket_session)
)


def _accepts(form: Any) -> bool:
    """Whether FastAPI takes *form* for a parameter; before 0.129 not where it fills it itself."""

    def endpoint(connection: Any) -> None: ...

    vars(endpoint)["__signature__"] = inspect.Signature(
        [inspect.Parameter("connection", inspect.Parameter.KEYWORD_ONLY, annotation=form)]
    )
    try:
        routing.APIRoute("/", endpoint)
    except AssertionError:
        return False
    return True


def _has_names(form: Any) -> bool:
    """Whether something in *form* is in quotes."""
    return isinstance(form, str | ForwardRef) or any(map(_has_names, get_args(form)))


if TYPE_CHECKING:
    Inject = Annotated[T, "filled by lifescope"]
else:

    class Inject:
        """Marks a parameter that lifescope fills: `session: Inject[AsyncSession]`.

        Works in path functions and WebSocket endpoints, sync and async, and in functions
        used with `Depends`; it does not appear in the OpenAPI schema. For a type checker it
        is plain `AsyncSession`.

        Raises:
            NoScopeError: The app is not served by `container.asgi(...)`.
            MissingProviderError: Nothing provides the key.
        """

        def __class_getitem__(cls, key):
            asking = inspect.currentframe().f_back if _has_names(key) else None
            names = (asking.f_globals, asking.f_locals) if asking is not None else None
            # What is to be shared is shared by the scope; a transient is not.
            depends = Depends(_Parameter(key, names), use_cache=False)
            form = Annotated[_Marked[key], depends]
            is_connection = isinstance(key, type) and issubclass(key, HTTPConnection)
            return form if not is_connection or _accepts(form) else Annotated[Any, depends]
