"""Whose shop a request is about: the header says so."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from lifescope import current_scope
from shop.tenants import Caller

HEADER = "X-Tenant"


# --8<-- [start:middleware]
class TenantMiddleware:
    """Notes in the request scope whose shop it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            caller = await current_scope().get(Caller)
            caller.tenant = Headers(scope=scope).get(HEADER, "")
        await self._app(scope, receive, send)


# --8<-- [end:middleware]
