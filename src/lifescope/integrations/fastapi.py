"""FastAPI: `Inject[T]` in endpoints and dependencies, without any decorator.

Only public names of FastAPI are used: `Inject[T]` is an `Annotated` with a `Depends`. All
parameters of one request share one more dependency, the boundary of the endpoint: it hands
in the framework's own connection object, opens the "call" scope, and sees what leaves the
endpoint, handled or not. FastAPI leaves it when the endpoint has returned, and before the
response starts (`Depends(scope="function")`, FastAPI 0.121).
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends, Request, WebSocket
from fastapi.requests import HTTPConnection

from lifescope import Inject as _Marked
from lifescope import OpenScope, current_scope

__all__ = ["Inject"]

T = TypeVar("T")


async def _endpoint(connection: HTTPConnection) -> AsyncIterator[OpenScope]:
    """The boundary of an endpoint; gives the scope in which its parameters are made."""
    scope = current_scope()
    if scope.name != "request":  # a root inside another one's endpoint, or scopes of the user's
        yield scope
        return
    kind = WebSocket if isinstance(connection, WebSocket) else Request
    with scope.endpoint({kind: connection, HTTPConnection: connection}):
        if "call" not in scope.scopes:
            yield scope
            return
        async with scope.open("call") as inner:
            yield inner


_Endpoint = Annotated[OpenScope, Depends(_endpoint, scope="function")]


class _Parameter:
    """The dependency behind one `Inject[T]`."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __lifescope_asks_for__(self) -> list[Any]:
        """For the root, which starts what the routes ask for."""
        return [self._key]

    async def __call__(self, scope: _Endpoint) -> Any:
        return await scope.get(self._key)


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
            # What is to be shared is shared by the scope; a transient is not.
            return Annotated[_Marked[key], Depends(_Parameter(key), use_cache=False)]
