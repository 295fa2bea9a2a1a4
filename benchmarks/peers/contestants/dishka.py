"""dishka: generated functions; `DishkaRoute` on FastAPI; `get_sync` where nothing is async."""

from collections.abc import Callable
from typing import Any

import starlette_dishka
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled
from benchmarks.peers.graphs import Graph
from benchmarks.peers.graphs.witness import seen
from dishka import FromDishka, Provider, Scope, make_async_container
from dishka.integrations import fastapi, litestar
from dishka.integrations.base import wrap_injection
from fastapi import FastAPI
from litestar import Litestar
from litestar import get as litestar_get
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class Dishka(Contestant):
    label = "dishka"
    practice = (
        "`make_async_container` with its own checks; `get_sync` where nothing is awaited;"
        " `DishkaRoute` on FastAPI, `inject` on Litestar and, from `starlette-dishka`, on"
        " Starlette; `wrap_injection` for functions."
    )
    distributions = ("dishka", "starlette-dishka")

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        provider = Provider()
        for node in graph.nodes:
            scope = Scope.APP if node.scope == "app" else Scope.REQUEST
            provider.provide(node.make, scope=scope, provides=node.cls)
        self.container = make_async_container(provider)

    async def close(self) -> None:
        await self.container.close()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.container.get_sync, key, False

    def unit(self) -> Unit:
        container, root = self.container, self.graph.root

        async def unit() -> Any:
            async with container() as request:
                return await request.get(root)

        async def without_awaiting() -> Any:
            async with container() as request:
                return request.get_sync(root)

        return unit if self.graph.is_async else without_awaiting

    def injected(self, key: type) -> Unit:
        async def handler(obj: FromDishka[key]) -> Any:
            return obj

        scope = {} if key is self.graph.app_key else {"scope": Scope.REQUEST}
        return wrap_injection(
            func=handler, is_async=True, container_getter=lambda _, __: self.container, **scope
        )

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.router.route_class = fastapi.DishkaRoute
        app.get("/")(filled(kind, FromDishka[key]) if key else bare)
        fastapi.setup_dishka(self.container, app)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)

        @starlette_dishka.inject
        async def route(request: Request, *, obj: FromDishka[key]) -> JSONResponse:
            seen(obj)
            return JSONResponse({})

        app = Starlette(routes=[Route("/", route if key else bare_starlette)])
        starlette_dishka.setup_dishka(self.container, app)
        return app

    def litestar(self, kind: str) -> Any:
        key = self.key(kind)
        route = litestar.inject(filled("injected", FromDishka[key])) if key else bare
        app = Litestar([litestar_get("/")(route)])
        litestar.setup_dishka(self.container, app)
        return app


CONTESTANT = Dishka
