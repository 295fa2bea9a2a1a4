"""Code that is not async, on a blocking portal over the container of the shop."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from jobs import threads
from jobs.shop import Courier, TooHeavyError, container, place_order
from jobs.tests.conftest import Database, Witness
from jobs.tests.processes import LIMIT


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="jobs.shop")


def said_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "jobs.shop"]


LEAVING = ["the courier has left", "the database is closed"]


def test_scopes_around_synchronous_code(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """G2, G5: What a block has used is committed and released when it ends, task groups too."""
    assert threads.order_and_wait("tea") == 1
    assert database.items() == ["tea"]
    assert said_by(caplog) == ["the courier takes tea", *LEAVING]


def test_object_of_the_event_loop(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """G5: An object with a task group of its own is used from outside the event loop."""
    threads.book("tea")
    assert said_by(caplog) == ["the courier takes tea", "the courier has left"]


def test_failing_block_rolls_back(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """G3, G4: An error is told to the transaction, and comes out of the block as itself."""
    with pytest.raises(TooHeavyError):
        threads.order_and_wait("piano")
    assert database.items() == []
    assert said_by(caplog) == LEAVING
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_error_of_the_synchronous_code_itself(database: Database) -> None:
    """G4: What the block raises between its calls is an outcome as well."""

    def order_and_stumble(portal: BlockingPortal) -> None:
        with (
            portal.wrap_async_context_manager(container.open()) as app,
            portal.wrap_async_context_manager(app.open("request")) as request,
        ):
            assert portal.call(request.call, place_order, "tea") == 1
            raise ZeroDivisionError

    with start_blocking_portal() as portal, pytest.raises(ZeroDivisionError):
        order_and_stumble(portal)
    assert database.items() == []


def test_many_threads_share_the_app_scope(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """G1: Each thread has a transaction of its own, all of them the same courier."""
    items = ["tea", "milk", "bread", "salt"]
    assert sorted(threads.import_orders(items)) == [1, 2, 3, 4]
    assert sorted(database.items()) == sorted(items)
    assert said_by(caplog)[-2:] == LEAVING
    assert said_by(caplog).count("the courier has left") == 1


def test_one_thread_fails(database: Database) -> None:
    """G4: The error arrives in the thread that has asked, and rolls back nothing of the others."""
    with pytest.raises(TooHeavyError):
        threads.import_orders(["tea", "piano", "milk"])
    assert sorted(database.items()) == ["milk", "tea"]


def test_threads_that_ask_at_the_same_time(database: Database, courier: Witness) -> None:
    """G1: However many threads ask for it at once, there is one of it."""
    barrier = threading.Barrier(8)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(container.open()) as app,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask(_: int) -> Courier:
            barrier.wait(LIMIT)
            return portal.call(app.get, Courier)

        assert set(pool.map(ask, range(8))) == {courier}
