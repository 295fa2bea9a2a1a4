"""A consumer of FastStream: `faststream run jobs.consumer:app`, with Redis at REDIS_URL."""

import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from faststream import BaseMiddleware, FastStream, StreamMessage
from faststream.redis import RedisBroker
from sqlalchemy.ext.asyncio import AsyncSession

from jobs import shop
from jobs.shop import Courier, container
from lifescope import Inject, current_scope, inject

logging.basicConfig(level=logging.INFO)


# --8<-- [start:lifetime]
@asynccontextmanager
async def lifespan() -> AsyncGenerator[None]:
    async with container.open():
        yield


class InRequest(BaseMiddleware[Any, Any]):
    """Handles each message in a request scope of its own."""

    async def consume_scope(
        self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        async with current_scope().open("request"):
            return await call_next(msg)


broker = RedisBroker(os.environ.get("REDIS_URL", "redis://localhost:6379"), middlewares=[InRequest])
app = FastStream(broker, lifespan=lifespan)
# --8<-- [end:lifetime]


# --8<-- [start:handler]
@broker.subscriber(list="orders")
@inject
async def place_order(item: str, session: Inject[AsyncSession], courier: Inject[Courier]) -> int:
    return await shop.place_order(item, session, courier)


# --8<-- [end:handler]
