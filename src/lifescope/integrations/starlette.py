"""Starlette: `@inject` on endpoint functions and on methods of endpoint classes.

    @inject
    async def order(request: Request, session: Inject[AsyncSession]) -> Response: ...

Nothing here is special to Starlette: a function that is called with a connection is taken for
an endpoint, so providers get the framework's own `Request` or `WebSocket`, and what leaves the
endpoint decides how the request ends for them.
"""

from lifescope import Inject, inject

__all__ = ["Inject", "inject"]
