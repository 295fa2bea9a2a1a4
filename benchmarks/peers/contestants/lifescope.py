"""lifescope: its composition root around the app, `Inject` without a decorator where it can."""

from collections.abc import Callable
from contextlib import AsyncExitStack
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
        ' for functions outside of requests `scopes=("app", "call")`, and `inject`;'
        " `Inject` as its guides for FastAPI, Starlette and Litestar show it."
    )
    distributions = ("lifescope",)

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.container = lifescope.Container(
            *(lifescope.provider(node.make, scope=node.scope) for node in graph.nodes)
        )

    async def open(self) -> None:
        self._exits = AsyncExitStack()
        self.app = await self._exits.enter_async_context(self.container.open())

    async def open_for_functions(self) -> None:
        """A container of a program without requests: its functions open a scope of their own."""
        scopes = {"app": "app", "request": "call"}
        container = lifescope.Container(
            *(lifescope.provider(node.make, scope=scopes[node.scope]) for node in self.graph.nodes),
            scopes=("app", "call"),
        )
        await self._exits.enter_async_context(container.open())

    async def close(self) -> None:
        await self._exits.aclose()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.app.get_nowait, key, False

    def unit(self) -> Unit:
        app, root = self.app, self.graph.root

        async def unit() -> Any:
            async with app.open() as scope:
                return await scope.get(root)

        return unit

    def injected(self, key: type) -> Unit:
        @lifescope.inject
        async def handler(obj: lifescope.Inject[key]) -> Any:
            return obj

        return handler

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
