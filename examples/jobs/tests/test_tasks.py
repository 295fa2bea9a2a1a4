"""Tasks of taskiq, with the broker that works in memory."""

import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Annotated, Any, TypeVar, cast

import anyio
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from taskiq import (
    AsyncTaskiqTask,
    Context,
    InMemoryBroker,
    TaskiqDepends,
    TaskiqEvents,
    TaskiqResult,
)

from jobs import tasks
from jobs.shop import Courier, place_order
from jobs.tests.conftest import Database, Witness
from jobs.tests.processes import LIMIT
from lifescope import Inject, ScopeClosedError, inject

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
async def broker(database: Database) -> AsyncGenerator[InMemoryBroker]:
    """The broker, started; its worker is this process."""
    broker = tasks.broker
    assert isinstance(broker, InMemoryBroker)
    await broker.startup()
    try:
        yield broker
    finally:
        await broker.shutdown()


async def result_of(job: AsyncTaskiqTask[T]) -> TaskiqResult[T]:
    """Wait for the end of a task, and of those that try it again."""
    broker = tasks.broker
    assert isinstance(broker, InMemoryBroker)
    with anyio.fail_after(LIMIT):
        while not await job.is_ready():
            await anyio.lowlevel.checkpoint()
            await broker.wait_all()
        return await job.get_result()


@pytest.fixture
def add_task(broker: InMemoryBroker) -> Callable[[Callable[..., Coroutine[Any, Any, Any]]], Any]:
    """Makes a task that is there for one test."""
    return lambda function: broker.task(tasks.in_request(function))


async def test_task_gets_what_it_asks_for(broker: InMemoryBroker, database: Database) -> None:
    """A task is sent with what it is about; the rest comes from its request scope (G11)."""
    result = await result_of(await tasks.place_order.kiq("tea"))
    assert result.return_value == 1
    assert database.items() == ["tea"]


async def test_failing_task_rolls_back(broker: InMemoryBroker, database: Database) -> None:
    """G4: What a task raises reaches its transaction, also each time that it is tried again."""
    result = await result_of(await tasks.place_order.kiq("piano"))
    assert type(result.error).__name__ == "TooHeavyError"
    assert database.items() == []


async def test_task_that_is_tried_again(
    courier: Witness, broker: InMemoryBroker, database: Database
) -> None:
    """G4: Every attempt has a transaction of its own; what failed has left nothing behind."""
    courier.failures = 2
    result = await result_of(await tasks.place_order.kiq("tea"))
    assert result.return_value == 1
    assert courier.seen == [[], [], []]
    assert database.items() == ["tea"]


async def test_task_that_takes_too_long(
    broker: InMemoryBroker, database: Database, add_task: Callable[..., Any]
) -> None:
    """G4: taskiq's own limit cancels a task, and that rolls back as well."""
    numbers: list[int] = []

    async def order_for_ever(session: Inject[AsyncSession], courier: Inject[Courier]) -> None:
        numbers.append(await place_order("tea", session, courier))
        await anyio.sleep_forever()

    job = await add_task(order_for_ever).kicker().with_labels(timeout=0.5).kiq()
    result = await result_of(job)
    assert isinstance(result.error, TimeoutError)
    assert numbers == [1]
    assert database.items() == []


async def test_each_task_has_a_scope_of_its_own(
    broker: InMemoryBroker, add_task: Callable[..., Any]
) -> None:
    """G1: Tasks at the same time share what is app-scoped, and nothing else."""
    seen: list[tuple[AsyncSession, Courier]] = []
    both = anyio.Event()

    async def meet(session: Inject[AsyncSession], courier: Inject[Courier]) -> None:
        seen.append((session, courier))
        if len(seen) == 2:
            both.set()
        await both.wait()

    task = add_task(meet)
    for job in [await task.kiq(), await task.kiq()]:
        assert not (await result_of(job)).is_err
    (one, courier), (other, same_courier) = seen
    assert one is not other
    assert courier is same_courier


async def test_dependencies_of_taskiq(broker: InMemoryBroker, add_task: Callable[..., Any]) -> None:
    """What taskiq injects itself may stand next to what the container does."""

    async def name(
        suffix: str, courier: Inject[Courier], context: Annotated[Context, TaskiqDepends()]
    ) -> str:
        assert isinstance(courier, Courier)
        return context.message.task_name.rpartition(":")[2] + suffix

    result = await result_of(await add_task(name).kiq("!"))
    assert result.return_value == "name!"


async def test_task_in_a_thread(database: Database) -> None:
    """A `def` task gets what is app-scoped, made in the event loop, and runs in a thread."""
    broker = InMemoryBroker(await_inplace=True)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, tasks.start)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, tasks.stop)

    def look(courier: Inject[Courier]) -> bool:
        assert isinstance(courier, Courier)
        return threading.current_thread() is threading.main_thread()

    await broker.startup()
    job = await broker.task(cast("Callable[[], bool]", inject(look))).kiq()
    assert (await job.get_result()).return_value is False
    await broker.shutdown()


async def test_app_scope_lasts_as_long_as_the_worker(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """G2, G9: What is app-scoped is released when the worker stops, in reverse order."""
    caplog.set_level("INFO", logger="jobs.shop")
    await tasks.broker.startup()
    for _ in range(2):
        await result_of(await tasks.place_order.kiq("tea"))
    said = [record.message for record in caplog.records if record.name == "jobs.shop"]
    assert said == ["the courier takes tea", "the courier takes tea"]
    await tasks.broker.shutdown()
    said = [record.message for record in caplog.records if record.name == "jobs.shop"]
    assert said[2:] == ["the courier has left", "the database is closed"]


async def test_task_after_the_end_of_the_worker(database: Database) -> None:
    """G10: A task that comes too late is told so, and begins nothing."""
    await tasks.broker.startup()
    await tasks.broker.shutdown()
    result = await result_of(await tasks.place_order.kicker().with_labels(max_retries=1).kiq("tea"))
    assert isinstance(result.error, ScopeClosedError)
    assert not database.path.exists()


async def test_task_is_a_function_all_the_same(
    courier: Witness, broker: InMemoryBroker, database: Database
) -> None:
    """A task that is called, not sent, runs in a request scope as well."""
    assert await tasks.place_order("tea") == 1
    assert database.items() == ["tea"]
