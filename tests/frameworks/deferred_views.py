"""Endpoints of several forms in a module with deferred annotations (PEP 563)."""

from __future__ import annotations

from functools import wraps
from itertools import count
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Clock:
    def __init__(self, number: int) -> None:
        self.number = number

    def __str__(self) -> str:
        return f"clock {self.number}"


def decorated(function: Any) -> Any:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


async def function(number: int, clock: Inject[Clock]) -> list[Any]:
    return [str(clock), number]


def sync(clock: Inject[Clock], number: int, other: Inject[Clock | None] = None) -> list[Any]:
    return [str(other), number]


class Views:
    async def method(self, number: int, clock: Inject[Clock]) -> list[Any]:
        return [str(clock), number]


@decorated
async def view(number: int, clock: Annotated[Inject[Clock], "more"]) -> list[Any]:
    return [str(clock), number]


def asks(clock: Inject[Clock]) -> str:
    return str(clock)


async def dependency(number: int, text: Annotated[str, Depends(asks)]) -> list[Any]:
    return [text, number]


Alias = Inject[Clock]


async def alias(clock: Alias, number: int) -> list[Any]:
    return [str(clock), number]


def create_app() -> FastAPI:
    router = APIRouter()
    for endpoint in (function, sync, Views().method, dependency, alias, view):
        router.add_api_route(f"/{endpoint.__name__}/{{number}}", endpoint)
    app = FastAPI()
    app.include_router(router)
    return app


@provider(scope="request")
class Clocks:
    """A provider that is a class, with deferred annotations, too."""

    def __init__(self, numbers: Numbers) -> None:
        self.next = next(numbers)


class Numbers(count):  # type: ignore[type-arg]
    """Counts from 1."""


@provider(scope="app")
def numbers() -> Numbers:
    return Numbers(1)


@provider(scope="request")
def clock(clocks: Clocks) -> Clock:
    return Clock(clocks.next)


container = Container(Clocks, numbers, clock)
