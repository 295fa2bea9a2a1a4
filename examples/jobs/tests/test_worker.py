"""Tasks of taskiq in a real worker process, with a real Redis server between."""

import re
import sys
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from redis.asyncio import Redis
from taskiq import AsyncBroker, AsyncTaskiqTask

from jobs.tasks import create_broker, place_order
from jobs.tests import more_tasks
from jobs.tests.conftest import Database
from jobs.tests.processes import LIMIT, Program, running

pytestmark = pytest.mark.anyio


LIFE = ["the courier takes tea", "the courier has left", "the database is closed"]


@pytest.fixture
def worker(redis_url: str, database: Database) -> Generator[Program]:
    """A worker that is starting; what is sent meanwhile waits for it."""
    command = ("-m", "taskiq", "worker", "jobs.tasks:broker", "jobs.tests.more_tasks")
    env = {"REDIS_URL": redis_url, "SHOP_DATABASE_URL": database.url}
    with running(sys.executable, *command, "--workers=1", env=env) as worker:
        yield worker


@pytest.fixture
async def client(redis_url: str) -> AsyncGenerator[AsyncBroker]:
    """What sends tasks to the worker."""
    client = create_broker(redis_url)
    await client.startup()
    try:
        yield client
    finally:
        await client.shutdown()


async def result_of(job: AsyncTaskiqTask[Any]) -> Any:
    return await job.wait_result(check_interval=0.01, timeout=LIMIT)


def what_the_shop_said(worker: Program) -> list[str]:
    said = (re.search(r"\[jobs\.shop\].*\] (.*)", line) for line in worker.lines)
    return [match[1] for match in said if match]


async def test_worker_from_its_first_task_to_its_end(
    worker: Program, client: AsyncBroker, database: Database, redis_url: str
) -> None:
    """G4, G9: Results are told after the commit; on SIGTERM a task that runs is waited for."""
    failed = await result_of(await place_order.kicker().with_broker(client).kiq("piano"))
    assert type(failed.error).__name__ == "TooHeavyError"
    assert database.items() == []
    job = await more_tasks.order_and_wait.kicker().with_broker(client).kiq("tea")
    assert worker.until("waiting")
    worker.send_signal()
    assert worker.until("Waiting for 1 running task")
    assert database.items() == []
    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]
        await redis.lpush(more_tasks.GO_ON, "now")
    assert (await result_of(job)).return_value == 1
    assert database.items() == ["tea"]
    assert worker.ended() == 0
    assert what_the_shop_said(worker) == LIFE
    assert "the courier has left" in worker.text.partition("No more tasks to wait for")[2]
    assert worker.text.count("TooHeavyError: piano") == 3  # it was tried again, twice


async def test_crash_in_a_worker(worker: Program, client: AsyncBroker, database: Database) -> None:
    """G8: When an app-scoped task crashes the worker ends in good order, and a new one begins."""
    place = place_order.kicker().with_broker(client)
    assert (await result_of(await place.kiq("tea"))).return_value == 1
    await more_tasks.cut_the_line.kicker().with_broker(client).kiq()
    assert worker.until("Process worker-0 restarted")
    assert what_the_shop_said(worker) == LIFE
    assert "a task of it has failed" in worker.text
    assert (await result_of(await place.kiq("milk"))).return_value == 2
    assert database.items() == ["tea", "milk"]
