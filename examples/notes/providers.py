"""How everything is made, how long it lives, and how it is released."""

import os
from collections.abc import AsyncIterator

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from lifescope import provider
from notes import storage
from notes.announcer import Announcer
from notes.feed import Feed
from notes.settings import Settings
from notes.storage import Transaction


@provider(scope="app")
def settings() -> Settings:
    return Settings.from_env(os.environ)


@provider(scope="app")
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = storage.create_engine(settings.database_url)
    try:
        await storage.create_tables(engine)
        yield engine
    finally:
        await engine.dispose()


@provider(scope="app")
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


@provider(scope="app")
def feed() -> Feed:
    return Feed()


@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    # Objects stay readable after the commit: the response is made from them.
    async with AsyncSession(engine, expire_on_commit=False) as session:
        yield session


@provider(scope="call")
async def transaction(session: AsyncSession) -> AsyncIterator[Transaction]:
    """Commit when the endpoint returns, before the response starts; roll back when it raises."""
    async with session.begin():
        yield Transaction(session)


@provider(scope="request")
def announcer(
    session: AsyncSession, feed: Feed, http: httpx.AsyncClient, settings: Settings
) -> Announcer:
    return Announcer(session, feed, http, settings.webhook_url)
