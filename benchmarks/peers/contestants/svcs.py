"""svcs, a service locator: factories that take the container, as its documentation has them."""

from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

import svcs.fastapi
import svcs.starlette
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare
from benchmarks.peers.contestants.source import app_objects
from benchmarks.peers.graphs import Graph, Node
from benchmarks.peers.graphs.witness import seen
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from svcs.fastapi import DepContainer

_NO_FUNCTIONS = "injects into no functions: they ask the container"


class Svcs(Contestant):
    label = "svcs"
    practice = (
        "App-scoped objects are made by hand and registered as values, as it advises; factories"
        " take the container; `aget` only where something is awaited; its lifespan, and on"
        " Starlette its middleware."
    )
    distributions = ("svcs",)
    unable: ClassVar = {
        **dict.fromkeys(("w1i", "w2i", "w3i", "wp.injected"), _NO_FUNCTIONS),
        "w7.litestar": "no integration of Litestar",
    }
    notes: ClassVar = {"w6": ("checks nothing when it is built",)}

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.registry = svcs.Registry()
        for cls, value in app_objects(graph).items():
            self.registry.register_value(cls, value)
        awaited: set[type] = set()
        for node in graph.nodes:
            if node.scope == "request":
                self.registry.register_factory(node.cls, _factory(node, awaited))
                if node.is_async_generator or awaited & set(node.params.values()):
                    awaited.add(node.cls)
        self.container = svcs.Container(self.registry)

    async def close(self) -> None:
        await self.container.aclose()
        await self.registry.aclose()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.container.get, key, False

    def unit(self) -> Unit:
        container, registry, root = svcs.Container, self.registry, self.graph.root

        async def unit() -> Any:
            async with container(registry) as request:
                return await request.aget(root)

        async def without_awaiting() -> Any:
            async with container(registry) as request:
                return request.get(root)

        return unit if self.graph.is_async else without_awaiting

    def fastapi(self, kind: str) -> Any:
        key = self.key(kind)

        async def app_route(services: DepContainer) -> dict[str, str]:
            seen(services.get(key))
            return {}

        async def injected_route(services: DepContainer) -> dict[str, str]:
            seen(await services.aget(key))
            return {}

        async def graph_route(services: DepContainer, page: int = 1) -> dict[str, str]:
            seen(await services.aget(key), page)
            return {}

        routes = {"app": app_route, "injected": injected_route, "graph": graph_route}
        app = FastAPI(lifespan=svcs.fastapi.lifespan(_lifespan, registry=self.registry))
        app.get("/")(routes.get(kind, bare))
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)

        async def route(request: Request) -> JSONResponse:
            seen(await svcs.starlette.aget(request, key) if key else None)
            return JSONResponse({})

        async def app_route(request: Request) -> JSONResponse:
            seen(svcs.starlette.svcs_from(request).get(key))
            return JSONResponse({})

        return Starlette(
            lifespan=svcs.starlette.lifespan(_lifespan, registry=self.registry),
            middleware=[Middleware(svcs.starlette.SVCSMiddleware)],
            routes=[Route("/", app_route if kind == "app" else route)],
        )


async def _lifespan(app: Any, registry: Any) -> Any:
    yield {}


def _factory(node: Node, awaited: set[type]) -> Any:
    """The function that somebody would write; resources are context managers."""
    is_async = bool(awaited & set(node.params.values()))
    get = "await svcs_container.aget" if is_async else "svcs_container.get"
    arguments = ", ".join(f"{get}({cls.__name__})" for cls in node.params.values())
    make: Any = node.cls
    if node.is_generator:
        make = (asynccontextmanager if node.is_async_generator else contextmanager)(node.make)
    names = {cls.__name__: cls for cls in node.params.values()} | {"make": make}
    parameter = "svcs_container" if node.params else ""
    prefix = "async " if is_async else ""
    exec(f"{prefix}def factory({parameter}):\n    return make({arguments})", names)
    return names["factory"]


CONTESTANT = Svcs
