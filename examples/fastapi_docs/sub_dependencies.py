"""Dependencies of dependencies: a query parameter, or else what a cookie remembers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, Request, Response

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


def query(q: str | None = None) -> str | None:
    return q


def query_or_cookie(
    response: Response,
    q: Annotated[str | None, Depends(query)],
    last_query: Annotated[str | None, Cookie()] = None,
) -> str:
    if q is not None:
        response.set_cookie("last_query", q)
    return q or last_query or "nothing"


def as_fastapi_shows() -> FastAPI:
    numbers = iter(range(1, 1000))

    def number() -> int:
        return next(numbers)

    app = FastAPI()

    @app.get("/search")
    async def search(text: Annotated[str, Depends(query_or_cookie)]) -> str:
        return text

    # One dependency, asked for twice, is called once, unless it says otherwise.
    @app.get("/once")
    async def once(
        one: Annotated[int, Depends(number)], two: Annotated[int, Depends(number)]
    ) -> bool:
        return one == two

    @app.get("/anew")
    async def anew(
        one: Annotated[int, Depends(number, use_cache=False)],
        two: Annotated[int, Depends(number, use_cache=False)],
    ) -> bool:
        return one == two

    return app


@dataclass
class Query:
    """What is asked for in this request."""

    text: str


@dataclass(frozen=True)
class Ticket:
    number: int


@dataclass(frozen=True)
class Number:
    """A new one for everybody who asks."""

    value: int


class Numbers(Iterator[int]):
    """Counts."""

    def __init__(self) -> None:
        self._last = 0

    def __next__(self) -> int:
        self._last += 1
        return self._last


@provider(scope="app")
def numbers() -> Numbers:
    return Numbers()


@provider(scope="request")
def ticket(numbers: Numbers) -> Ticket:
    return Ticket(next(numbers))


@provider(scope="transient")
def number(numbers: Numbers) -> Number:
    return Number(next(numbers))


@provider(scope="request")
def asked(request: Request) -> Query:
    """A provider that reads from the request by hand; only `q` itself is in the schema."""
    text = request.query_params.get("q") or request.cookies.get("last_query")
    return Query(text or "nothing")


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/search")
    async def search(query: Inject[Query], response: Response, q: str | None = None) -> str:
        if q is not None:
            response.set_cookie("last_query", q)
        return query.text

    @app.get("/once")
    async def once(one: Inject[Ticket], two: Inject[Ticket]) -> bool:
        return one == two

    @app.get("/anew")
    async def anew(one: Inject[Number], two: Inject[Number]) -> bool:
        return one == two

    return app


with_inject = Container(numbers, ticket, number, asked).asgi(create_app)
