"""An adapter for Falcon; see the page "Write an adapter"."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from falcon import asgi

from lifescope import Inject, OpenScope, current_scope, inject, provider

__all__ = ["App", "Inject", "request"]


# --8<-- [start:app]
class App(asgi.App[asgi.Request, asgi.Response]):
    """Falcon's app, of which the responders may have injected parameters."""

    def add_route(self, uri_template: str, resource: object, **options: Any) -> None:
        """As in Falcon."""
        for name in dir(resource):
            if name.startswith("on_"):
                setattr(resource, name, _endpoint(getattr(resource, name)))
        super().add_route(uri_template, resource, **options)


# --8<-- [end:app]

# --8<-- [start:endpoint]
_Responder = Callable[..., Awaitable[None]]


def _endpoint(responder: _Responder) -> _Responder:
    """*responder*, filled, and inside the boundary of an endpoint."""
    if hasattr(responder, "lifescope_fills"):  # its resource has several routes
        return responder
    filled = inject(responder)

    @wraps(filled)
    async def endpoint(req: asgi.Request, *args: Any, **fields: Any) -> None:
        scope = current_scope()
        _requests[scope] = req
        with scope.endpoint():
            await filled(req, *args, **fields)

    endpoint.lifescope_fills = responder  # type: ignore[attr-defined]
    return endpoint


# --8<-- [end:endpoint]

# --8<-- [start:connection]
_requests: WeakKeyDictionary[OpenScope, asgi.Request] = WeakKeyDictionary()


@provider(scope="request")
def request(scope: OpenScope) -> asgi.Request:
    """The request that the responder gets; to be given to the container."""
    return _requests[scope]


# --8<-- [end:connection]
