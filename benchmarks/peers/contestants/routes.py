"""The routes, the same for all: only what marks a parameter as injected differs."""

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.peers.graphs.witness import seen
from starlette.requests import Request
from starlette.responses import JSONResponse

Route = Callable[..., Awaitable[Any]]

_NO_DEFAULT: Any = object()


async def bare() -> dict[str, str]:
    """For FastAPI and Litestar, if nothing is injected."""
    seen(None)
    return {}


async def bare_starlette(request: Request) -> JSONResponse:
    seen(None)
    return JSONResponse({})


def filled(kind: str, annotation: Any, default: Any = _NO_DEFAULT) -> Route:
    """A route whose parameter `obj` has this annotation, and perhaps this default.

    One of the kind "graph" also has a query parameter, which the framework fills.
    """
    if default is not _NO_DEFAULT:
        return _marked_by_default(kind, annotation, default)

    async def route(obj: annotation) -> dict[str, str]:
        seen(obj)
        return {}

    async def route_with_query(obj: annotation, page: int = 1) -> dict[str, str]:
        seen(obj, page)
        return {}

    return route_with_query if kind == "graph" else route


def _marked_by_default(kind: str, annotation: Any, marker: Any) -> Route:
    async def route(obj: annotation = marker) -> dict[str, str]:
        seen(obj)
        return {}

    async def route_with_query(obj: annotation = marker, page: int = 1) -> dict[str, str]:
        seen(obj, page)
        return {}

    return route_with_query if kind == "graph" else route


def filled_starlette(annotation: Any, default: Any = _NO_DEFAULT) -> Route:
    """The same for Starlette, which calls routes with the request."""

    async def route(request: Request, obj: annotation) -> JSONResponse:
        seen(obj)
        return JSONResponse({})

    async def marked_by_default(request: Request, obj: annotation = default) -> JSONResponse:
        seen(obj)
        return JSONResponse({})

    return route if default is _NO_DEFAULT else marked_by_default
