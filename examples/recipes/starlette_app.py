"""Starlette: injected endpoints, and one that is put together by hand."""

from functools import partial

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lifescope import Container, provider
from lifescope.integrations.starlette import Inject, inject


@provider(scope="app")
class Shelf:
    """All books, by number."""

    def __init__(self) -> None:
        self.titles = {1: "Emma"}


@provider(scope="request")
class Reader:
    """Whoever asks, as the request says."""

    def __init__(self, request: Request) -> None:
        self.name = request.headers.get("x-reader", "nobody")


# --8<-- [start:function]
@inject
async def book(request: Request, shelf: Inject[Shelf], reader: Inject[Reader]) -> Response:
    title = shelf.titles.get(request.path_params["number"])
    if title is None:
        raise HTTPException(404)
    return JSONResponse({"title": title, "reader": reader.name})


# --8<-- [end:function]


# --8<-- [start:class]
class Books(HTTPEndpoint):
    @inject
    async def get(self, request: Request, shelf: Inject[Shelf]) -> Response:
        return JSONResponse(list(shelf.titles.values()))

    @inject
    def post(self, request: Request, shelf: Inject[Shelf]) -> Response:  # in a thread
        number = len(shelf.titles) + 1
        shelf.titles[number] = request.query_params["title"]
        return JSONResponse(number, 201)


# --8<-- [end:class]


# --8<-- [start:partial]
async def count(request: Request, shelf: Shelf) -> Response:
    return JSONResponse(len(shelf.titles))


def create_counting_app(shelf: Shelf) -> Starlette:
    return Starlette(routes=[Route("/count", partial(count, shelf=shelf))])


# --8<-- [end:partial]


# --8<-- [start:app]
def create_app() -> Starlette:
    return Starlette(routes=[Route("/books", Books), Route("/books/{number:int}", book)])


container = Container(Shelf, Reader)
app = container.asgi(create_app)
# --8<-- [end:app]

counting_app = container.asgi(create_counting_app)
