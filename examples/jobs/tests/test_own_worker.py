"""A worker without any library."""

from collections.abc import AsyncIterator

import pytest

from jobs.own_worker import place_orders
from jobs.shop import TooHeavyError
from jobs.tests.conftest import Database

pytestmark = pytest.mark.anyio


async def stream(*items: str) -> AsyncIterator[str]:
    for item in items:
        yield item


async def test_each_job_is_committed(database: Database) -> None:
    """G4: A job that fails rolls back its own work, and not what other jobs have done."""
    with pytest.raises(TooHeavyError):
        await place_orders(stream("tea", "milk", "piano"))
    assert database.items() == ["tea", "milk"]
