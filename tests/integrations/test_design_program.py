"""The program and the test that the design begins with, as they are written there."""

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

SHOP = """\
from collections.abc import AsyncIterator
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///shop.db")
    yield engine
    await engine.dispose()

@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session

def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{id}")
    async def order(id: int, session: Inject[AsyncSession]) -> Order: ...

    return app

container = Container(engine, session)
app = container.asgi(create_app)          # uvicorn shop:app
"""

TEST = """\
def test_order():
    with container.override(AsyncEngine, fake_engine), TestClient(app) as client:
        assert client.get("/orders/1").status_code == 200
"""

pytestmark = pytest.mark.usefixtures("both_paths")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The program as a module; the design leaves open only what an `Order` is."""
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("shop")
    module.__dict__["Order"] = dict[str, int] | None
    monkeypatch.setitem(sys.modules, "shop", module)
    exec(compile(SHOP, "shop.py", "exec"), module.__dict__)
    return module


def code_lines(text: str) -> list[str]:
    """Lines of code: not the imports, not what is blank."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("from ", "import "))]


def test_program_runs_as_written(shop):
    """Section 1: the program serves a request, on the engine that it names."""
    with TestClient(shop.app) as client:
        assert client.get("/orders/1").status_code == 200
        assert client.get("/orders/no-number").status_code == 422


def test_its_test_runs_as_written(shop, tmp_path):
    """Section 1: the test passes, on its own engine and without the program's."""
    made: list[str] = []
    shop.create_async_engine = lambda url: made.append(url)
    seen: list[AsyncSession] = []
    fake_engine = create_async_engine("sqlite+aiosqlite://")

    def watched() -> FastAPI:
        app = shop.create_app()
        route = next(r for r in app.routes if getattr(r, "path", "") == "/orders/{id}")
        original = route.dependant.call

        async def order(**arguments):
            seen.append(arguments["session"])
            return await original(**arguments)

        route.dependant.call = order
        return app

    namespace = {
        "container": shop.container,
        "app": shop.container.asgi(watched),
        "AsyncEngine": AsyncEngine,
        "TestClient": TestClient,
        "fake_engine": fake_engine,
    }
    exec(TEST, namespace)
    namespace["test_order"]()
    assert [session.bind for session in seen] == [fake_engine]
    assert made == []
    assert not list(tmp_path.glob("*.db"))


def test_they_are_short():
    """Section 1: at most 20 lines for the program and 4 for its test, without the imports."""
    assert len(code_lines(SHOP)) <= 20
    assert len(code_lines(TEST)) <= 4
