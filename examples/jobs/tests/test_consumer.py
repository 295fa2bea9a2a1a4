"""FastStream: in memory with its test broker, and as a process with a real Redis server."""

import logging
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import pytest
from faststream import Context, FastStream, TestApp
from faststream.redis import RedisBroker, TestRedisBroker
from sqlalchemy.ext.asyncio import AsyncSession

from jobs import consumer
from jobs.shop import TooHeavyError
from jobs.tests.conftest import Database, Witness
from jobs.tests.processes import LIMIT, running
from lifescope import Inject, inject

pytestmark = pytest.mark.anyio


@pytest.fixture
async def broker(database: Database) -> AsyncGenerator[RedisBroker]:
    """The broker of the running app; what is published is handled at once, without a server."""
    async with TestRedisBroker(consumer.broker) as broker, TestApp(consumer.app):
        yield broker


async def test_handler_gets_what_it_asks_for(broker: RedisBroker, database: Database) -> None:
    """A message is what the handler is about; the rest comes from the request scope (G11)."""
    answer = await broker.request("tea", list="orders")
    assert await answer.decode() == 1
    assert database.items() == ["tea"]


async def test_message_that_is_delivered_again(
    courier: Witness, broker: RedisBroker, database: Database
) -> None:
    """G4: A handler that fails rolls back; the next delivery finds nothing of the first."""
    courier.failures = 1
    with pytest.raises(ConnectionError):
        await broker.publish("tea", list="orders")
    await broker.publish("tea", list="orders")
    assert courier.seen == [[], []]
    assert database.items() == ["tea"]


async def test_message_that_cannot_be_handled(broker: RedisBroker, database: Database) -> None:
    """G4: An error of the shop's own rolls back as well."""
    with pytest.raises(TooHeavyError):
        await broker.publish("piano", list="orders")
    assert database.items() == []


async def test_handler_in_a_thread(database: Database) -> None:
    """A `def` handler runs in a thread; its session has been made in the event loop (J11)."""
    broker = RedisBroker(middlewares=[consumer.InRequest])
    app = FastStream(broker, lifespan=consumer.lifespan)

    @broker.subscriber("look")
    @inject
    def look(
        item: str, session: Inject[AsyncSession], message: Annotated[Any, Context("message")]
    ) -> str:
        assert session.in_transaction()
        assert threading.current_thread() is not threading.main_thread()
        return f"{item} {message.correlation_id}"

    async with TestRedisBroker(broker), TestApp(app):
        answer = await broker.request("tea", channel="look", correlation_id="1")
        assert await answer.decode() == "tea 1"


async def test_app_scope_lasts_as_long_as_the_app(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """G2, G9: What is app-scoped is released when the app stops, in reverse order."""
    caplog.set_level(logging.INFO, logger="jobs.shop")
    async with TestRedisBroker(consumer.broker) as broker, TestApp(consumer.app):
        for item in ("tea", "milk"):
            await broker.publish(item, list="orders")
    assert [record.message for record in caplog.records if record.name == "jobs.shop"] == [
        "the courier takes tea",
        "the courier takes milk",
        "the courier has left",
        "the database is closed",
    ]


async def test_consumer_in_a_process(redis_url: str, database: Database) -> None:
    """G2, G4: Answers come back, a failure rolls back, SIGTERM releases everything."""
    env = {"REDIS_URL": redis_url, "SHOP_DATABASE_URL": database.url}
    command = (sys.executable, "-m", "faststream", "run", "jobs.consumer:app")
    with running(*command, env=env) as process:
        async with RedisBroker(redis_url) as client:
            await client.publish("piano", list="orders")
            answer = await client.request("tea", list="orders", timeout=LIMIT)
            assert await answer.decode() == 1
            assert database.items() == ["tea"]  # committed before the answer was sent
        assert process.stop() == 0
    assert "TooHeavyError: piano" in process.text
    said = [line.partition("jobs.shop:")[2] for line in process.lines if "jobs.shop:" in line]
    assert said == ["the courier takes tea", "the courier has left", "the database is closed"]
