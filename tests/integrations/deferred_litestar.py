"""A Litestar app in a module with deferred annotations (PEP 563)."""

from __future__ import annotations

from litestar import Controller, Litestar, Request, get

from integrations.litestar_app import FromPath, litestar
from lifescope import Container, provider
from lifescope.integrations.litestar import Inject


@provider(scope="request")
def path_of(request: Request) -> Path:
    return Path(request.url.path)


class Path(str):
    __slots__ = ()


@get("/async/{number:int}")
async def asynchronous(number: FromPath[int], path: Inject[Path]) -> str:
    return f"{path} {number}"


@get("/sync/{number:int}", sync_to_thread=True)
def synchronous(number: FromPath[int], path: Inject[Path]) -> str:
    return f"{path} {number}"


class Paths(Controller):
    path = "/class"

    @get("/{number:int}")
    async def method(self, number: FromPath[int], path: Inject[Path]) -> str:
        return f"{path} {number}"


def create_app() -> Litestar:
    return litestar(asynchronous, synchronous, Paths)


container = Container(path_of)
