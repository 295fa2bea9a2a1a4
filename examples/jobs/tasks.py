"""A worker of taskiq: `taskiq worker jobs.tasks:broker`.

With the address of a Redis server in REDIS_URL it works there; without, in memory.
"""

import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import wraps
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from taskiq import AsyncBroker, InMemoryBroker, SimpleRetryMiddleware, TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from jobs import shop
from jobs.shop import Courier, container
from lifescope import Inject, OpenScope, inject

T = TypeVar("T")
Task = Callable[..., Coroutine[Any, Any, T]]


def create_broker(redis_url: str | None) -> AsyncBroker:
    if redis_url is None:
        return InMemoryBroker()
    results = RedisAsyncResultBackend[Any](redis_url)
    # By default redis gives up after seconds; a worker waits for its next task longer than that.
    return ListQueueBroker(redis_url, socket_timeout=None).with_result_backend(results)


broker = create_broker(os.environ.get("REDIS_URL")).with_middlewares(SimpleRetryMiddleware())


# --8<-- [start:lifetime]
@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.lifetime = AsyncExitStack()
    state.app = await state.lifetime.enter_async_context(container.open())


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    await state.lifetime.aclose()


# --8<-- [end:lifetime]


# --8<-- [start:in-request]
def in_request(task: Task[T]) -> Task[T]:
    """Run *task* in a request scope of its own, and fill its parameters from there."""
    injected = inject(task)

    @wraps(injected)
    async def run(*args: Any, **kwargs: Any) -> T:
        app: OpenScope = broker.state.app
        async with app.open("request"):
            return await injected(*args, **kwargs)

    return run


# --8<-- [end:in-request]


# --8<-- [start:task]
@broker.task(retry_on_error=True, max_retries=3)
@in_request
async def place_order(item: str, session: Inject[AsyncSession], courier: Inject[Courier]) -> int:
    return await shop.place_order(item, session, courier)


# --8<-- [end:task]
