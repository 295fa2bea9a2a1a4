"""The queue: taskiq, in memory or with Redis between."""

from collections.abc import Callable, Coroutine
from typing import Any

from taskiq import AsyncBroker, InMemoryBroker, SimpleRetryMiddleware
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from lifescope import OpenScope
from shop.jobs import Job
from shop.payments import UnavailableError
from shop.tenants import Caller
from shop.work import JOBS


def create_broker(redis_url: str | None) -> AsyncBroker:
    """Make a broker; nothing connects yet. The one in memory does a job while it is sent."""
    if redis_url is None:
        broker: AsyncBroker = InMemoryBroker(await_inplace=True)
    else:
        # By default redis gives up after seconds; a worker waits for its next job longer.
        broker = ListQueueBroker(redis_url, socket_timeout=None).with_result_backend(
            RedisAsyncResultBackend[Any](redis_url, result_ex_time=3600)
        )
    return broker.with_middlewares(SimpleRetryMiddleware(types_of_exceptions=[UnavailableError]))


# --8<-- [start:in-request]
def add_jobs(broker: AsyncBroker, app: Callable[[], OpenScope]) -> None:
    """Have *broker* do each job in a request scope of its own, inside of what *app* gives."""
    for name, work in JOBS.items():
        task = _in_request(work, app)
        broker.register_task(task, task_name=name, retry_on_error=True, max_retries=3)


def _in_request(
    work: Callable[..., Coroutine[Any, Any, None]], app: Callable[[], OpenScope]
) -> Callable[[str, list[Any]], Coroutine[Any, Any, None]]:
    async def run(tenant: str, arguments: list[Any]) -> None:
        async with app().open("request") as request:
            (await request.get(Caller)).tenant = tenant
            await request.call(work, *arguments)

    return run


# --8<-- [end:in-request]


class TaskiqQueue:
    """Sends jobs with taskiq."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    async def send(self, tenant: str, job: Job) -> None:
        task = self._broker.find_task(job.name)
        assert task is not None, f"no function in shop.work is called {job.name}"
        await task.kiq(tenant, list(job.arguments))

    async def ping(self) -> None:
        await self._broker.result_backend.is_result_ready("nothing")
