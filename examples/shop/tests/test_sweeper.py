"""What an app-scoped task does from time to time, with sessions of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.testclient import TestClient

from lifescope import Factory, provider
from shop.app import container
from shop.clock import Clock
from shop.database import create_engine, create_tables
from shop.jobs import Job, Queue
from shop.providers import SystemSession
from shop.settings import Settings
from shop.sweeper import PATIENCE, Sweeper
from shop.tests.conftest import add_customer, add_product, order, state, stock


class StoppedClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Nowhere:
    """A queue that loses everything."""

    async def send(self, tenant: str, job: Job) -> None: ...

    async def ping(self) -> None: ...


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def sweepers() -> list[Sweeper]:
    """Those of the running app; they do nothing by themselves."""
    return []


@pytest.fixture
def overrides(
    overrides: dict[Any, Any], clock: StoppedClock, sweepers: list[Sweeper]
) -> dict[Any, Any]:
    @provider(scope="app", eager=True)
    def sweeper(open_session: Factory[SystemSession], clock: Clock) -> Sweeper:
        sweepers.append(Sweeper(open_session, clock))
        return sweepers[0]

    return {**overrides, Clock: clock, Queue: Nowhere(), Sweeper: sweeper}


def test_orders_that_nobody_pays_for_are_given_up(
    client: TestClient, clock: StoppedClock, sweepers: list[Sweeper]
) -> None:
    """B14: Each round has a session of its own, in whatever task it is made."""
    add_product(client)
    old = order(client, add_customer(client), tea=2)["id"]
    clock.time += PATIENCE
    new = order(client, 1, tea=3)["id"]
    clock.time += timedelta(seconds=1)
    assert client.portal is not None
    assert client.portal.call(sweepers[0].sweep) == 1
    assert [state(client, old), state(client, new)] == ["expired", "placed"]
    assert stock(client) == 17


@pytest.mark.anyio
async def test_stop_in_the_middle_of_a_round(settings: Settings) -> None:
    """G2: The engine is there until the round has given its connection back."""
    events = list[str]()
    in_the_middle, go_on = anyio.Event(), anyio.Event()

    @provider(scope="app")
    async def engine() -> AsyncIterator[AsyncEngine]:
        engine = create_engine(settings.database_url)
        await create_tables(engine)
        yield engine
        events.append("end of the engine")
        await engine.dispose()

    @provider(scope="transient")
    async def session(engine: AsyncEngine) -> AsyncIterator[SystemSession]:
        async with AsyncSession(engine) as session, session.begin():
            yield SystemSession(session)
            in_the_middle.set()
            await go_on.wait()
        events.append("end of the round")

    async def run() -> None:
        async with container.open(values={Settings: settings}):
            await in_the_middle.wait()

    with anyio.fail_after(30), container.override({AsyncEngine: engine, SystemSession: session}):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await in_the_middle.wait()
            await anyio.wait_all_tasks_blocked()  # it is stopping
            go_on.set()
    assert events == ["end of the round", "end of the engine"]
