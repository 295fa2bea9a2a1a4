"""G7: how the start went: in the error, in the log, and as data."""

import logging
import re
import time
from typing import Annotated, Any

import anyio
import pytest
from starlette.applications import Starlette

import virtual_time
from integrations.driving import failed_start, lifespan, noted
from lifescope import Container, Named, provider

pytestmark = pytest.mark.anyio

VIRTUAL = pytest.mark.parametrize("anyio_backend", list(virtual_time.backends()))


class Postgres:
    pass


class Redis:
    pass


class SearchIndex:
    pass


class Broken(Exception):
    """What goes wrong."""


def create_app() -> Any:
    return Starlette()


def slow(form: type, seconds: float, *needs: type) -> Any:
    async def wait() -> None:
        await anyio.sleep(seconds)

    return noted([], form, *needs, wait=wait, eager=True)


def blocking(form: type, seconds: float = 0.0, *, error: Exception | None = None) -> Any:
    """Takes so long on the real clock, whichever the event loop has."""

    async def wait() -> None:
        time.sleep(seconds)  # noqa: ASYNC251
        if error is not None:
            raise error

    return noted([], form, wait=wait, eager=True)


TIME = r"\d+ ms|\d+\.\d s"


@pytest.mark.parametrize("together", [False, True])
async def test_error_of_a_failed_start_carries_the_report(*, together: bool) -> None:
    """G7: As a note: who was there, who has failed, and who never began; each with its time."""
    error = Broken("no Redis")

    async def fail() -> None:
        raise error

    container = Container(
        blocking(Postgres),
        noted([], Redis, Postgres, wait=fail, eager=True),
        noted([], SearchIndex, Redis, eager=True),
    )
    failed = await failed_start(container.asgi(create_app, concurrent_start=together))
    assert failed.error is error
    pattern = (
        r"lifescope: start-up of create_app: "
        rf"Postgres ({TIME}), Redis failed after ({TIME}), SearchIndex waiting …"
    )
    assert [note for note in error.__notes__ if re.fullmatch(pattern, note)]


async def test_server_is_told_the_error_with_its_report() -> None:
    """J06: `lifespan.startup.failed` has the traceback and the report, for the server's log."""
    failed = await failed_start(
        Container(blocking(Postgres), blocking(Redis, error=Broken("no Redis"))).asgi(create_app)
    )
    text = failed.messages[0]["message"]
    assert text.startswith("Traceback (most recent call last):")
    assert "Broken: no Redis" in text
    assert "lifescope: start-up of create_app: Postgres " in text
    assert "Redis failed after " in text


async def test_error_of_the_factory_carries_the_report_too() -> None:
    """G7: All providers were there."""
    error = Broken()

    def factory(postgres: Postgres) -> Any:
        raise error

    failed = await failed_start(Container(blocking(Postgres)).asgi(factory))
    assert failed.error is error
    assert re.search(rf"start-up of .*factory: Postgres ({TIME})$", error.__notes__[-1])


async def test_start_without_providers_has_a_report_as_well() -> None:
    """G7: It says that there was nothing to start."""

    def factory() -> Any:
        raise Broken

    failed = await failed_start(Container().asgi(factory))
    assert failed.error is not None
    assert failed.error.__notes__[-1].endswith("factory: nothing to start")


# --- the log --------------------------------------------------------------------------------


def lines(caplog: pytest.LogCaptureFixture, beginning: str) -> list[str]:
    messages = [record.getMessage() for record in caplog.records if record.name == "lifescope"]
    return [message for message in messages if message.startswith(beginning)]


@VIRTUAL
@pytest.mark.parametrize("together", [False, True])
async def test_slow_start_says_how_far_it_is(
    caplog: pytest.LogCaptureFixture, *, together: bool
) -> None:
    """G7: Every three seconds, and not after the start any more."""
    container = Container(slow(Postgres, 2), slow(Redis, 5, Postgres), slow(SearchIndex, 1, Redis))
    with caplog.at_level(logging.INFO, "lifescope"):
        async with lifespan(container.asgi(create_app, concurrent_start=together)) as running:
            assert running.sent == ["lifespan.startup.complete"]
            progress = lines(caplog, "starting: ")
            await anyio.sleep(20)
    states = rf"starting: Postgres ({TIME}), Redis starting for ({TIME}), SearchIndex waiting …"
    assert len(progress) == 2
    assert all(re.fullmatch(states, line) for line in progress)
    assert lines(caplog, "starting: ") == progress


@VIRTUAL
async def test_quick_start_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """G7: Under three seconds there is no progress, only the result."""
    with caplog.at_level(logging.INFO, "lifescope"):
        async with lifespan(Container(slow(Postgres, 2)).asgi(create_app)):
            pass
    assert lines(caplog, "starting: ") == []
    (line,) = lines(caplog, "started: ")
    assert re.fullmatch(rf"started: Postgres ({TIME})", line)


@VIRTUAL
async def test_start_that_fails_says_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """G7: The progress ends with the start, however that ends."""
    container = Container(slow(Postgres, 4), blocking(Redis, error=Broken()))
    with caplog.at_level(logging.INFO, "lifescope"):
        await failed_start(container.asgi(create_app))
        await anyio.sleep(20)
    assert len(lines(caplog, "starting: ")) == 1
    assert lines(caplog, "started: ") == []


@VIRTUAL
async def test_factory_and_lifespan_that_are_slow_are_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """G7: Somebody who looks at the log sees that the app is still starting, and with what."""

    async def factory(postgres: Postgres) -> Any:
        await anyio.sleep(4)
        return Starlette()

    with caplog.at_level(logging.INFO, "lifescope"):
        async with lifespan(Container(slow(Postgres, 1)).asgi(factory)):
            pass
    (line,) = lines(caplog, "starting: ")
    assert re.fullmatch(rf"starting: Postgres ({TIME})", line)


# --- as data --------------------------------------------------------------------------------


async def test_startups_of_what_runs() -> None:
    """G09: State, times, order and provider of each, while the lifespan runs, and not after it."""
    root = Container(blocking(Postgres, 0.02), blocking(Redis, 0.01)).asgi(create_app)
    assert root.startups == ()
    async with lifespan(root):
        (startup,) = root.startups
        first, second = startup.steps
        assert (first.key, second.key) == ("Postgres", "Redis")
        assert first.provider.startswith("make() (")
        assert "driving.py:" in first.provider
        assert (first.state, second.state) == ("ready", "ready")
        assert first.began is not None
        assert second.began is not None
        assert first.seconds is not None
        assert second.seconds is not None
        assert first.seconds >= 0.02
        assert second.seconds >= 0.01
        assert 0 <= first.began <= first.began + first.seconds <= second.began
        assert startup.seconds >= second.began + second.seconds
        assert startup.seconds == startup.seconds  # it does not go on
    assert root.startups == ()


async def test_startup_includes_factory_and_lifespan() -> None:
    """G09: The whole takes as long as it takes until the server hears of it."""

    async def factory() -> Any:
        time.sleep(0.02)  # noqa: ASYNC251
        return Starlette()

    root = Container().asgi(factory)
    async with lifespan(root):
        (startup,) = root.startups
        assert startup.steps == ()
        assert startup.seconds >= 0.02
        assert str(startup) == "nothing to start"


async def test_startup_as_text() -> None:
    """G09: One line; milliseconds below one second, seconds above."""
    root = Container(blocking(Postgres), blocking(Redis)).asgi(create_app)
    async with lifespan(root):
        (startup,) = root.startups
        assert re.fullmatch(rf"Postgres ({TIME}), Redis ({TIME})", str(startup))
        assert re.fullmatch(rf"<Startup in ({TIME}): Postgres ({TIME}), .*>", repr(startup))
        assert str(startup.steps[0]) == str(startup).split(", ")[0]


async def test_startup_is_seen_from_inside_the_app() -> None:
    """G09: Each lifespan has its own; two at once are two."""
    root = Container(blocking(Postgres)).asgi(create_app)
    async with lifespan(root), lifespan(root):
        first, second = root.startups
        assert first is not second
        assert [step.key for step in (*first.steps, *second.steps)] == ["Postgres"] * 2


async def test_providers_of_one_function_are_told_apart() -> None:
    """G7: Two records from one function are two providers, in both rounds of the start."""
    made: list[str] = []

    async def make() -> Redis:
        made.append("Redis")
        return Redis()

    first = provider(make, scope="app", name="first")
    second = provider(make, scope="app", name="second")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] != "lifespan"

    def factory(redis: Annotated[Redis, Named("first")]) -> Any:
        made.append("factory")
        return app

    root = Container(first, second).asgi(factory)
    async with lifespan(root):
        assert made == ["Redis", "factory", "Redis"]
        (startup,) = root.startups
        assert len({step.key for step in startup.steps}) == 2
