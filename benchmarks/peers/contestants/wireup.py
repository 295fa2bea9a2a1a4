"""wireup: generated functions; on FastAPI without its middleware, as its guide advises."""

from collections.abc import Callable
from typing import Any, ClassVar

import wireup
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled, filled_starlette
from benchmarks.peers.graphs import Graph
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from wireup.integration import fastapi, starlette

_LIFETIMES = {"app": "singleton", "request": "scoped"}


class Wireup(Contestant):
    label = "wireup"
    practice = (
        "`create_async_container`; on FastAPI `WireupRoute` and `setup` without `middleware_mode`,"
        " so a route enters its scope itself; `inject_from_container` for functions."
    )
    distributions = ("wireup",)
    unable: ClassVar = {"w7.litestar": "no integration of Litestar"}

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.container = wireup.create_async_container(
            injectables=[
                wireup.injectable(node.make, lifetime=_LIFETIMES[node.scope])
                for node in graph.nodes
            ]
        )

    async def close(self) -> None:
        await self.container.close()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.container.get, key, True

    def unit(self) -> Unit:
        enter_scope, root = self.container.enter_scope, self.graph.root

        async def unit() -> Any:
            async with enter_scope() as scope:
                return await scope.get(root)

        return unit

    def injected(self, key: type) -> Unit:
        @wireup.inject_from_container(self.container)
        async def handler(obj: wireup.Injected[key]) -> Any:
            return obj

        return handler

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.router.route_class = fastapi.WireupRoute
        app.get("/")(filled(kind, wireup.Injected[key]) if key else bare)
        fastapi.setup(self.container, app)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route = starlette.inject(filled_starlette(wireup.Injected[key])) if key else bare_starlette
        app = Starlette(routes=[Route("/", route)])
        starlette.setup(self.container, app)
        return app


CONTESTANT = Wireup
