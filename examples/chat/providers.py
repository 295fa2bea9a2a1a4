"""How everything is made, how long it lives, and how it is released."""

import os
from collections.abc import AsyncIterator

import anyio
from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from chat import redis_backend
from chat.backend import Backend, Bus, History, Presence
from chat.hub import Hub
from chat.memory import MemoryBackend
from chat.messages import Visitor
from chat.redis_backend import RedisBackend
from chat.settings import Settings
from chat.talk import NoShouting, NotTooLong, Rule, Talk
from chat.visits import visit
from lifescope import Lazy, provider


@provider(scope="app")
def settings() -> Settings:
    return Settings.from_env(os.environ)


# --8<-- [start:backend]
@provider(scope="app")
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    assert settings.redis_url is not None, "nobody asks without"
    async with redis_backend.connect(settings.redis_url) as client:
        yield client


@provider(scope="app", provides=(Bus, History, Presence))
async def backend(settings: Settings, redis: Lazy[Redis]) -> Backend:
    if settings.redis_url is None:
        return MemoryBackend(settings.history)
    return RedisBackend(await redis, settings.history)  # connects now, and not otherwise


# --8<-- [end:backend]


# --8<-- [start:hub]
@provider(scope="app")
async def hub(bus: Bus, presence: Presence) -> AsyncIterator[Hub]:
    hub = Hub(bus)
    async with anyio.create_task_group() as tasks:
        await tasks.start(hub.run)
        tasks.start_soon(presence.keep)
        yield hub
        tasks.cancel_scope.cancel()


# --8<-- [end:hub]


# --8<-- [start:visitor]
@provider(scope="request")
def visitor(connection: HTTPConnection) -> Visitor:
    name = connection.query_params.get("name", "")
    return Visitor(connection.path_params["room"], name)


# --8<-- [end:visitor]

# --8<-- [start:domain]
domain = [
    provider(NotTooLong, scope="app", provides=Rule, many=True),
    provider(NoShouting, scope="app", provides=Rule, many=True),
    provider(Talk, scope="app"),
    provider(visit, scope="request"),
]
# --8<-- [end:domain]
