"""Functions and classes as dependencies: query parameters that several endpoints share.

They stay what they are. What they work on, a list in FastAPI's pages, is injected.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

NAMES = ["kettle", "pot", "cup", "spoon"]


class Slice:
    """A class whose parameters are read from the query."""

    def __init__(self, q: str | None = None, skip: int = 0, limit: int = 100) -> None:
        self.q = q
        self.skip = skip
        self.limit = limit

    def of(self, names: list[str]) -> list[str]:
        found = [name for name in names if self.q is None or self.q in name]
        return found[self.skip : self.skip + self.limit]


def as_fastapi_shows() -> FastAPI:
    app = FastAPI()

    @app.get("/items/")
    async def items(part: Annotated[Slice, Depends()]) -> list[str]:
        return part.of(NAMES)

    @app.get("/count/")
    def count(part: Annotated[Slice, Depends(Slice)]) -> int:
        return len(part.of(NAMES))

    return app


@dataclass
class Stock:
    names: list[str]


@provider(scope="app")
def stock() -> Stock:
    return Stock(NAMES)


def found(part: Annotated[Slice, Depends()], stock: Inject[Stock]) -> list[str]:
    return part.of(stock.names)


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/")
    async def items(found: Annotated[list[str], Depends(found)]) -> list[str]:
        return found

    @app.get("/count/")
    def count(part: Annotated[Slice, Depends(Slice)], stock: Inject[Stock]) -> int:
        return len(part.of(stock.names))

    return app


with_inject = Container(stock).asgi(create_app)
