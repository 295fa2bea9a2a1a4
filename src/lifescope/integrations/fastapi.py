"""FastAPI: `Inject[T]` in endpoints and dependencies, without any decorator.

`Inject[T]` is an `Annotated` with a `Depends`, and needs nothing but public names of FastAPI.
All parameters of one request share one more dependency, the boundary of the endpoint: it hands
in the framework's own connection object, opens a "call" scope where one is needed, and sees
what leaves the endpoint, handled or not. FastAPI leaves it when the endpoint has returned and
its result is serialised, and before the response starts (`Depends(scope="function")`).

When an app starts, its routes are fitted (`_fastapi_routes`): all injected parameters of an
endpoint are made by one compiled plan. A route that is added later, or that does not look as
expected, stays as it is and works the same way.
"""

import inspect
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from types import SimpleNamespace
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
from fastapi.requests import HTTPConnection

from lifescope import Inject as _Marked
from lifescope import OpenScope, current_scope
from lifescope.adapters import fit_routes
from lifescope.integrations._fastapi_routes import fit, is_generator

__all__ = ["Inject"]

fit_routes(fit)

T = TypeVar("T")


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
        if is_generator(connection.scope.get("endpoint")):
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

    async def __call__(self, boundary: _Endpoint) -> Any:
        scope = await boundary.scope_for(self.key)
        return await scope.get(self.key)


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
