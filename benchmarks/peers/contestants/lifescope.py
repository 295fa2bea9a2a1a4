"""lifescope: its composition root around the app, `Inject` without a decorator where it can."""

from collections.abc import Callable
from typing import Any

from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled, filled_starlette
from benchmarks.peers.graphs import Graph
from fastapi import FastAPI
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.routing import Route

import lifescope
from lifescope.integrations import fastapi, litestar, starlette


class Lifescope(Contestant):
    label = "lifescope"
    practice = (
        "`Container(...)`, which checks everything, and `container.asgi(app)` around the app;"
        " `Inject` as its guides for FastAPI, Starlette and Litestar show it."
    )
    distributions = ("lifescope",)

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        providers = [lifescope.provider(node.make, scope=node.scope) for node in graph.nodes]
        self.container = lifescope.Container(*providers)

    async def open(self) -> None:
        self._opening = self.container.open()
        self.app = await self._opening.__aenter__()

    async def close(self) -> None:
        await self._opening.__aexit__(None, None, None)

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.app.get_nowait, key, False

    def unit(self) -> Unit:
        app, root = self.app, self.graph.root

        async def unit() -> Any:
            async with app.open() as scope:
                return await scope.get(root)

        return unit

    def injected(self, key: type) -> Unit:
        app = self.app

        @lifescope.inject
        async def handler(obj: lifescope.Inject[key]) -> Any:
            return obj

        async def in_request() -> Any:
            async with app.open():
                return await handler()

        return handler if key is self.graph.app_key else in_request

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.get("/")(filled(kind, fastapi.Inject[key]) if key else bare)
        return self.container.asgi(app)

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route = starlette.inject(filled_starlette(starlette.Inject[key])) if key else bare_starlette
        return self.container.asgi(Starlette(routes=[Route("/", route)]))

    def litestar(self, kind: str) -> Any:
        key = self.key(kind)
        route = filled("injected", litestar.Inject[key]) if key else bare
        return self.container.asgi(
            Litestar([get("/")(route)], plugins=[litestar.LifescopePlugin()])
        )


CONTESTANT = Lifescope
