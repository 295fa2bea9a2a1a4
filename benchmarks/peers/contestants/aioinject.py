"""aioinject: `AioInjectMiddleware` and `@inject`, as its guide for FastAPI has it."""

from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

from aioinject import Container, Injected, Scoped, Singleton
from aioinject.decorators import base_inject
from aioinject.ext import fastapi, litestar
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled
from benchmarks.peers.graphs import Graph, Node
from benchmarks.peers.graphs.witness import seen
from fastapi import FastAPI
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class AioInject(Contestant):
    label = "aioinject"
    practice = (
        "`Container` with `Singleton` and `Scoped`; on FastAPI and Litestar its extension and"
        " `inject`; on Starlette the same middleware; `base_inject` for functions."
    )
    distributions = ("aioinject",)
    notes: ClassVar = {"w6": ("checks and compiles nothing before the first use",)}

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.container = Container()
        for node in graph.nodes:
            kind = Singleton if node.scope == "app" else Scoped
            self.container.register(kind(_maker(node), node.cls))

    async def open(self) -> None:
        await self.container.__aenter__()

    async def close(self) -> None:
        await self.container.__aexit__(None, None, None)

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.container.root.resolve, key, True

    def unit(self) -> Unit:
        context, root = self.container.context, self.graph.root

        async def unit() -> Any:
            async with context() as scope:
                return await scope.resolve(root)

        return unit

    def injected(self, key: type) -> Unit:
        async def handler(obj: Injected[key]) -> Any:
            return obj

        return base_inject(
            handler,
            context_parameters=(),
            context_getter=lambda _, __: self.container.root,
            enter_context=key is not self.graph.app_key,
        )

    def fastapi(self, kind: str) -> Any:
        key = self.key(kind)
        app = FastAPI()
        self._add_middleware(app)
        app.get("/")(fastapi.inject(filled(kind, Injected[key])) if key else bare)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)

        async def route(request: Request) -> JSONResponse:
            seen(await request.state.aioinject_context.resolve(key))
            return JSONResponse({})

        app = Starlette(routes=[Route("/", route if key else bare_starlette)])
        self._add_middleware(app)
        return app

    def litestar(self, kind: str) -> Any:
        key = self.key(kind)
        route = litestar.inject(filled("injected", Injected[key])) if key else bare
        return Litestar([get("/")(route)], plugins=[litestar.AioInjectPlugin(self.container)])

    def _add_middleware(self, app: Any) -> None:
        fastapi.FastAPIExtension().on_init(self.container)
        app.add_middleware(fastapi.AioInjectMiddleware, container=self.container)


def _maker(node: Node) -> Any:
    if not node.is_generator:
        return node.cls
    return (asynccontextmanager if node.is_async_generator else contextmanager)(node.make)


CONTESTANT = AioInject
