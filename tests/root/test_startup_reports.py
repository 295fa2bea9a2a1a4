"""What is known of a start, and its limit (G7)."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

from integrations.driving import answering, get, lifespan
from lifescope import (
    Container,
    StartTimeoutError,
    provider,
)

pytestmark = pytest.mark.anyio


class Database:
    pass


class Cache:
    pass


class Mailer:
    pass


class Session:
    pass


def opens(log: Any, form: type, *, name: str = "", **options: Any) -> Any:
    """A provider of *form* that notes in *log* when it opens and closes."""

    async def opened() -> AsyncIterator[form]:
        log(f"{form.__name__} opens")
        try:
            yield form()
        finally:
            log(f"{form.__name__} closes")

    return provider(opened, scope="app", **options)


@provider(scope="request")
def session(database: Database) -> Session:
    return Session()


def bare() -> Any:
    return Starlette()


async def silent() -> str:
    return "hello"


# --- how it is told ---------------------------------------------------------------------------


def failing(error: Exception) -> Any:
    async def fails(database: Database) -> AsyncIterator[Mailer]:
        await anyio.lowlevel.checkpoint()
        raise error
        yield

    return provider(fails, scope="app", eager=True)


@pytest.mark.parametrize("together", [False, True])
async def test_report_of_a_failed_start(log, *, together: bool):
    """G7, J06, G02: The server gets the error itself, and who had started, failed and waited."""
    error = LookupError("no such host")

    @provider(scope="app", eager=True)
    async def cache(mailer: Mailer) -> AsyncIterator[Cache]:
        yield Cache()

    container = Container(opens(log, Database), failing(error), cache)
    root = container.asgi(bare, concurrent_start=together)
    async with lifespan(root) as running:
        pass
    assert running.error is error
    assert running.sent == ["lifespan.startup.failed"]
    message = running.messages[0]["message"]
    assert "LookupError: no such host" in message
    for part in ("start-up of bare: Database ", "Mailer failed after ", "Cache waiting …"):
        assert part in message
    assert log.events == ["Database opens", "Database closes"]


async def test_startup_is_there_as_data(log):
    """G09: Who was started, in which order, when and for how long."""
    root = Container(opens(log, Database), opens(log, Cache)).asgi(lambda: answering(silent))
    assert root.startups == ()
    async with lifespan(root):
        (startup,) = root.startups
        assert [(step.key, step.state) for step in startup.steps] == [
            ("Database", "ready"),
            ("Cache", "ready"),
        ]
        first, second = startup.steps
        assert startup.seconds >= (second.began or 0) >= (first.began or 0) + (first.seconds or 0)
        assert "test_startup_reports.py" in first.provider
        assert str(startup).startswith("Database ")
        assert repr(startup).startswith("<Startup in ")
    assert root.startups == ()


async def test_limit_of_the_whole_start(log):
    """G7, E07: A start that takes too long is undone, and the error tells who was at it."""

    async def hangs(database: Database) -> AsyncIterator[Mailer]:
        await anyio.sleep_forever()
        yield Mailer()

    container = Container(opens(log, Database), provider(hangs, scope="app", eager=True))
    async with lifespan(container.asgi(bare, start_timeout=0.05)) as running:
        pass
    assert isinstance(running.error, StartTimeoutError)
    assert running.error.seconds == 0.05
    assert "Mailer starting for" in str(running.error)
    assert running.sent == ["lifespan.startup.failed"]
    assert log.events == ["Database opens", "Database closes"]


@pytest.mark.parametrize("who", ["factory", "lifespan"])
async def test_limit_of_the_start_holds_for_the_app_too(log, who: str):
    """G7: The factory and the app's own lifespan are part of the start."""

    @asynccontextmanager
    async def app_lifespan(app: Any) -> AsyncIterator[None]:
        if who == "lifespan":
            await anyio.sleep_forever()
        yield

    @asynccontextmanager
    async def create_app(database: Database) -> AsyncIterator[Any]:
        if who == "factory":
            await anyio.sleep_forever()
        yield Starlette(lifespan=app_lifespan)

    root = Container(opens(log, Database)).asgi(create_app, start_timeout=0.05)
    async with lifespan(root) as running:
        pass
    assert isinstance(running.error, StartTimeoutError)
    assert log.events == ["Database opens", "Database closes"]


async def test_limit_of_the_start_is_over_with_it(log):
    """G7: An app that has started in time is not bothered by the limit afterwards."""
    root = Container().asgi(lambda: answering(silent), start_timeout=0.05)
    async with lifespan(root) as running:
        await anyio.sleep(0.1)  # longer than the limit: nothing is to happen
        assert await get(root, state=running.state) == "hello"
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_end_of_the_start_is_logged(log, caplog):
    """G7: One line in the log says how long it took, and who took how long."""
    caplog.set_level(logging.INFO, "lifescope")
    async with lifespan(Container(opens(log, Database)).asgi(lambda: answering(silent))):
        pass
    (line,) = [record.getMessage() for record in caplog.records if "started" in record.getMessage()]
    assert line.startswith("started: Database ")
