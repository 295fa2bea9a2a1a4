"""Endpoints of FastAPI that yield their body: their call lasts as long as that (G11, J01, J04)."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from lifescope import Container
from lifescope.integrations.fastapi import Inject
from outcomes.client import EMPTY, served
from outcomes.databases import Database, providers, write
from outcomes.sites import BASE, fastapi

pytestmark = pytest.mark.anyio


def yielding(go_on: anyio.Event, *middleware: Any) -> Any:
    """FastAPI streams what such an endpoint yields; its call lasts as long as that."""
    app = fastapi(*middleware)

    @app.post("/")
    async def endpoint(session: Inject[AsyncSession]) -> AsyncIterator[str]:
        await write(session, "begin")
        yield "first"
        await go_on.wait()
        await write(session, "end")
        yield "last"

    return app


async def test_endpoint_that_yields_its_body(scope: str, database: Database) -> None:
    """A session is live until the last of it, whether it belongs to the request or the call."""
    go_on = anyio.Event()
    async with served(Container(providers(database, scope)).asgi(yielding(go_on))) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"first")
            assert await database.entries() == []
            go_on.set()
        assert await database.entries() == ["begin", "end"]


@pytest.mark.parametrize("middleware", [[], [BASE]], ids=["plain", "behind BaseHTTPMiddleware"])
@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_client_that_goes_while_an_endpoint_yields(
    scope: str, spec_version: str, database: Database, middleware: list[Any]
) -> None:
    """What has been done for a client that will never know rolls back."""
    go_on = anyio.Event()
    app = yielding(go_on, *middleware)
    async with served(Container(providers(database, scope)).asgi(app)) as client:
        async with client.connection(spec_version=spec_version) as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"first")
            exchange.hang_up()
            go_on.set()
        assert await database.entries() == []
