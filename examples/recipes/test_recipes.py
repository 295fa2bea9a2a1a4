"""The recipes do what the pages say."""

import asyncio
import sqlite3
import threading
import time

import httpx2
import pytest
from starlette.testclient import TestClient

from recipes import background, blocking, later, lifespans, many, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_lazy_is_made_when_it_is_first_awaited() -> None:
    async with later.container.open() as app:
        shop = await app.get(later.Shop)
        with pytest.raises(Exception, match="SearchIndex is not ready"):
            app.get_nowait(later.SearchIndex)
        assert await shop.search("tea") == "tea in SearchIndex"
        assert isinstance(app.get_nowait(later.SearchIndex), later.SearchIndex)


async def test_factory_makes_a_new_one_for_each_block() -> None:
    async with later.container.open() as app:
        importer = await app.get(later.Importer)
        assert await importer.run(3) == 3
        assert len(later.WORKERS) == 3
        assert not any(worker.is_open for worker in later.WORKERS)


async def test_current_is_that_of_the_request() -> None:
    async with later.container.open() as app:
        log = await app.get(later.AuditLog)
        for what in ("came", "went"):
            async with app.open():
                await log.write(what)
        assert log.lines == ["Ada: came", "Grace: went"]
        with pytest.raises(Exception, match='scope "app"'):
            await log.write("nobody")


async def test_everything_in_the_list_in_the_order_of_declaration() -> None:
    async with many.container.open() as app:
        assert await (await app.get(many.Health)).report() == [True, False]


async def test_decorator_is_what_everybody_gets() -> None:
    async with many.container.open() as app:
        rates = await app.get(many.Rates)
        assert isinstance(rates, many.CachedRates)
        assert [await rates.rate("EUR"), await rates.rate("EUR")] == [1.5, 1.5]
        assert many.BankRates.asked == 1


async def test_one_provider_for_every_type() -> None:
    async with many.container.open() as app:
        report = await app.get(many.Report)
        assert report.orders.model is many.Order
        assert report.customers.model is many.Customer
        assert await app.get(many.Repository[many.Order]) is report.orders


async def test_blocking_provider_runs_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    connect = sqlite3.connect

    def noted(*args: object, **kwargs: object) -> object:
        threads.append(threading.get_ident())
        return connect(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(sqlite3, "connect", noted)
    async with blocking.container.open() as app:
        connection = await app.get(sqlite3.Connection)
        assert connection.execute("select 1").fetchone() == (1,)
    assert threads
    assert threading.get_ident() not in threads
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("select 1")


def test_work_in_the_background_has_objects_of_its_own() -> None:
    with TestClient(background.app) as client:
        assert client.post("/users/Ada").json() == "done"
    assert background.SENT == ["Welcome, Ada"]  # at the latest when the app has stopped


def test_what_routes_need_and_what_is_eager_starts_with_the_app() -> None:
    with TestClient(lifespans.app) as client:
        assert client.get("/").text == "Database and Cache"
        (startup,) = lifespans.app.startups
        assert {step.key for step in startup.steps} == {"Database", "Cache", "Consumer"}


async def test_startup_as_data() -> None:
    states = set((await lifespans.main()).split("; "))
    assert states == {"Database: ready", "Cache: ready", "Consumer: ready"}


def test_mounted_app_starts_with_the_outer_one() -> None:
    with TestClient(lifespans.site) as client:
        assert client.get("/api/").text == "Database and Cache"


async def test_start_with_the_first_request() -> None:
    transport = httpx2.ASGITransport(app=lifespans.lambda_app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).text == "Database and Cache"


def poison(client: TestClient) -> None:
    """Have the consumer crash, and wait for that."""
    client.get("/poison")
    deadline = time.monotonic() + 10
    while client.get("/").status_code != 503:
        assert time.monotonic() < deadline


def test_somebody_is_told_of_a_crash() -> None:
    with pytest.raises(ExceptionGroup) as caught, TestClient(lifespans.watched_app) as client:
        poison(client)
    assert [caught.value] == lifespans.CRASHES


def test_factory_deals_with_the_crash_of_its_own_task() -> None:
    app = lifespans.container.asgi(lifespans.create_app_with_worker)
    with TestClient(app) as client:
        assert client.get("/").status_code == 200


async def test_server_for_as_long_as_a_block() -> None:
    assert await serving.main() == "hello"


async def test_server_without_a_block() -> None:
    stop = asyncio.Event()
    stop.set()
    await serving.serve_until(stop)


def test_server_in_a_thread() -> None:
    with serving.running_server() as url:
        assert httpx2.get(url, trust_env=False).text == "hello"
