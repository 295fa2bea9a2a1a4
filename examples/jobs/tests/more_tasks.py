"""Tasks that a worker under test has as well."""

import logging
import os

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from jobs import shop
from jobs.shop import Courier
from jobs.tasks import broker, in_request
from lifescope import Inject

logger = logging.getLogger(__name__)

GO_ON = "go-on"
"""A list in Redis; `order_and_wait` ends when something is put there."""


@broker.task
@in_request
async def order_and_wait(item: str, session: Inject[AsyncSession], courier: Inject[Courier]) -> int:
    number = await shop.place_order(item, session, courier)
    logger.info("waiting")
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:  # pyright: ignore[reportUnknownMemberType]
        await redis.blpop([GO_ON])
    return number


@broker.task
@in_request
async def cut_the_line(courier: Inject[Courier]) -> None:
    """Have a task of an app-scoped provider fail."""
    courier.close()
