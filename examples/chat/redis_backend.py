"""The backend of many processes: Redis. Knows no lifescope."""

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.messages import Message, Visitor

CHANNEL = "chat:messages"
PRESENT = "chat:present"
"""A sorted set of those who are here, each with the time until which that is believed."""

BELIEVED = 30.0
"""Seconds until somebody whose process was killed counts as gone."""


def connect(url: str) -> Redis:
    """Make a client for the server at *url*; nothing connects yet."""
    # No time limit for reads: in a quiet chat there is nothing to read. No second try: what is
    # published while nobody is subscribed is lost, and better all clients begin anew.
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, decode_responses=True, socket_timeout=None, retry=Retry(NoBackoff(), 0)
    )


class RedisBackend:
    """Connects all processes that use the same server."""

    def __init__(self, redis: Redis, history: int) -> None:
        self._redis: Any = redis  # its annotations say both "now" and "to be awaited"
        self._history = history
        self._here: dict[str, Visitor] = {}

    async def publish(self, message: Message) -> None:
        text = message.to_json()
        async with self._redis.pipeline(transaction=True) as both:
            if message.kind == "said":
                both.rpush(_said_in(message.room), text)
                both.ltrim(_said_in(message.room), -self._history, -1)
            both.publish(CHANNEL, text)
            await both.execute()

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[AsyncIterator[Message]]:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            await anext(channel.listen())  # the server says that it has subscribed us
            yield _messages(channel)

    async def latest(self, room: str) -> Sequence[Message]:
        return [Message.from_json(t) for t in await self._redis.lrange(_said_in(room), 0, -1)]

    async def add(self, visit: str, visitor: Visitor) -> None:
        self._here[visit] = visitor
        await self._believe({visit: visitor})

    async def remove(self, visit: str, visitor: Visitor) -> None:
        self._here.pop(visit, None)
        await self._redis.zrem(PRESENT, _entry(visit, visitor))

    async def people(self, room: str) -> Sequence[str]:
        return sorted({name for place, name in await self._present() if place == room})

    async def rooms(self) -> Mapping[str, int]:
        return Counter(room for room, _ in await self._present())

    async def keep(self) -> None:
        while True:
            await self._redis.zremrangebyscore(PRESENT, 0, time.time())
            await self._believe(self._here)
            await anyio.sleep(BELIEVED / 3)

    async def _believe(self, visits: Mapping[str, Visitor]) -> None:
        until = time.time() + BELIEVED
        if entries := {_entry(visit, visitor): until for visit, visitor in visits.items()}:
            await self._redis.zadd(PRESENT, entries)

    async def _present(self) -> list[tuple[str, str]]:
        entries = await self._redis.zrangebyscore(PRESENT, time.time(), "inf")
        return [(room, name) for room, name, _ in map(json.loads, entries)]


async def _messages(channel: Any) -> AsyncIterator[Message]:
    async for each in channel.listen():
        if each["type"] == "message":
            yield Message.from_json(each["data"])


def _said_in(room: str) -> str:
    return f"chat:said:{room}"


def _entry(visit: str, visitor: Visitor) -> str:
    return json.dumps([visitor.room, visitor.name, visit])
