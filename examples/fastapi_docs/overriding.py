"""Testing: replace what an app depends on."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Clock:
    def now(self) -> str:
        return "noon"


class StoppedClock(Clock):
    def now(self) -> str:
        return "five to eight"


def read_clock() -> Clock:
    return Clock()


def show() -> FastAPI:
    app = FastAPI()

    @app.get("/time")
    async def time(clock: Annotated[Clock, Depends(read_clock)]) -> str:
        return clock.now()

    return app


def as_fastapi_shows() -> FastAPI:
    return show()


@contextmanager
def tested_as_fastapi_shows() -> Generator[TestClient]:
    app = show()
    app.dependency_overrides[read_clock] = StoppedClock
    with TestClient(app) as client:
        yield client
    app.dependency_overrides.clear()


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/time")
    async def time(clock: Inject[Clock]) -> str:
        return clock.now()

    return app


container = Container(provider(Clock, scope="app"))
with_inject = container.asgi(create_app)


@contextmanager
def tested_with_inject() -> Generator[TestClient]:
    with container.override(Clock, StoppedClock()), TestClient(with_inject) as client:
        yield client
