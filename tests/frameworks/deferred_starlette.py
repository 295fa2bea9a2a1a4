"""Starlette endpoints in a module with deferred annotations (PEP 563)."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lifescope import Container, provider
from lifescope.integrations.starlette import Inject, inject


class Views(HTTPEndpoint):
    @inject
    async def get(self, request: Request, path: Inject[Path]) -> Response:
        return PlainTextResponse(path)


@inject
def function(request: Request, path: Inject[Path], other: Inject[Path | None] = None) -> Response:
    assert other == path
    return PlainTextResponse(path)


@inject
async def bound(greeting: str, request: Request, path: Inject[Path]) -> Response:
    return PlainTextResponse(path)


@provider(scope="request")
def path_of(request: Request) -> Path:
    return Path(request.url.path)


class Path(str):
    __slots__ = ()


def create_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/class", Views),
            Route("/function", function),
            Route("/partial", partial(bound, "hello")),
        ]
    )


container = Container(path_of)
