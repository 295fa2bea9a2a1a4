"""The page "Consume messages": a task of the app with a request scope for each message."""

from collections.abc import AsyncIterator, Callable

import anyio
import httpx2
import pytest

from howto.consumers import Entry, Ledger, Queue, app, container, handle
from lifescope import provider
from lifescope.testing import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def client(queue: Queue, ledger: Ledger) -> AsyncIterator[httpx2.AsyncClient]:
    with container.override({Queue: queue, Ledger: ledger}):
        async with running(app) as served:
            transport = httpx2.ASGITransport(app=served)
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
                yield client


def acknowledged(queue: Queue, message: str) -> Callable[[], bool]:
    return lambda: message in queue.acknowledged


async def test_failed_message_is_taken_back(
    client: httpx2.AsyncClient, queue: Queue, ledger: Ledger
) -> None:
    """G4: a message that fails is rolled back by itself, and the next one is handled."""
    await client.post("/messages/poison")
    await client.post("/messages/tea")
    with anyio.fail_after(10):
        await queue.wait_for(acknowledged(queue, "tea"))
    assert queue.acknowledged == ["tea"]
    assert ledger.entries == ["tea"]


async def test_begun_message_is_finished(queue: Queue, ledger: Ledger) -> None:
    """G9: the stop of the app does not cut a message short."""
    begun, go_on = anyio.Event(), anyio.Event()

    @provider(scope="request")
    async def slow_entry() -> AsyncIterator[Entry]:
        begun.set()
        await go_on.wait()
        yield Entry()

    async def go_on_when_all_wait() -> None:
        await anyio.wait_all_tasks_blocked()  # whoever stops the app, and the consumer
        go_on.set()

    with anyio.fail_after(10), container.override({Queue: queue, Entry: slow_entry}):
        async with anyio.create_task_group() as tasks, running(app):
            queue.send("tea")
            await begun.wait()
            tasks.start_soon(go_on_when_all_wait)
    assert queue.acknowledged == ["tea"]


# --8<-- [start:test]
async def test_a_message() -> None:
    ledger = Ledger()
    with container.override(Ledger, ledger):
        async with container.open() as app, app.open("request") as request:
            await request.call(handle, "tea")
    assert ledger.entries == ["tea"]


# --8<-- [end:test]
