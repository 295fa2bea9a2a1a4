"""Plain ASGI: `@inject` on an app, on its middleware, and on the functions that they call.

    @inject
    async def app(scope, receive, send, *, session: Inject[AsyncSession]) -> None: ...

Nothing here is special to ASGI: a function that is called with a connection's `scope`, with
`receive` and with `send` is taken for an endpoint, so what leaves it decides how the request
ends for its providers, also where whoever has called it makes a response of the error.
"""

from lifescope import Inject, inject

__all__ = ["Inject", "inject"]
