"""The worker: ``taskiq worker shop.worker:broker``, with a Redis server at SHOP_REDIS_URL."""

import os
from contextlib import AsyncExitStack

from taskiq import TaskiqEvents, TaskiqState

from shop.app import container
from shop.queues import add_jobs, create_broker
from shop.settings import Settings

# --8<-- [start:worker]
settings = Settings.from_env(os.environ)
broker = create_broker(settings.redis_url)
add_jobs(broker, lambda: broker.state.app)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.lifetime = AsyncExitStack()
    opening = container.open(values={Settings: settings})
    state.app = await state.lifetime.enter_async_context(opening)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    await state.lifetime.aclose()


# --8<-- [end:worker]
