"""Whether everything answers. Knows no web and no lifescope."""

from collections.abc import Mapping
from typing import Protocol

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.jobs import Queue


class Check(Protocol):
    """One thing without which the shop does not work."""

    name: str

    async def run(self) -> None:
        """Raise an error if it does not answer."""
        ...


class DatabaseCheck:
    def __init__(self, engine: AsyncEngine, name: str = "database") -> None:
        self.name = name
        self._engine = engine

    async def run(self) -> None:
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))


class PaymentsCheck:
    name = "payments"

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def run(self) -> None:
        (await self._client.get("/healthz")).raise_for_status()


class QueueCheck:
    name = "queue"

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def run(self) -> None:
        await self._queue.ping()


class Health:
    """Runs all checks."""

    def __init__(self, checks: list[Check]) -> None:
        self._checks = checks

    async def report(self) -> Mapping[str, str]:
        """The name of each check, and "ok" or the kind of error."""
        return {check.name: await _outcome(check) for check in self._checks}


async def _outcome(check: Check) -> str:
    try:
        await check.run()
    except Exception as error:
        return type(error).__name__  # no more: its text can hold an address, with a password
    return "ok"
