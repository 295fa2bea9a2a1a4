"""dependency-injector: it has no request scope, so a context of contextvars stands in for one.

A new context takes a new task, where something is awaited. Request-scoped classes are
`ContextLocalSingleton`, as in wireup's benchmark; resources are `ContextLocalResource`.
"""

import asyncio
import types
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, ClassVar

from benchmarks.peers.contestants.contestant import UNORDERED, Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled, filled_starlette
from benchmarks.peers.graphs import Graph, Node
from dependency_injector import containers, providers
from dependency_injector.wiring import Closing, Provide, inject
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.routing import Route

_NO_SCOPE = ("no request scope: a new context of contextvars stands in for one",)
_NOR_ORDER = (*_NO_SCOPE, UNORDERED)


class DependencyInjector(Contestant):
    label = "dependency-injector"
    practice = (
        "`Singleton`, `ContextLocalSingleton` and `ContextLocalResource`; a new context for each"
        " scope, `shutdown_resources()` at its end; `@inject` with `Closing` in functions and"
        " routes, `Depends` around it on FastAPI."
    )
    distributions = ("dependency-injector",)
    unable: ClassVar = {"w7.litestar": "no integration of Litestar"}
    notes: ClassVar = {
        **dict.fromkeys(("w2", "w2i", "w3", "w4", "w5", "w9", "w10.scope", "wp"), _NO_SCOPE),
        **dict.fromkeys(("w3i", "w8", "w10.fastapi", "wp.injected"), _NOR_ORDER),
        **dict.fromkeys(("w7.fastapi.graph", "w7.fastapi.injected"), _NOR_ORDER),
        "w7.starlette.graph": _NOR_ORDER,
    }

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        made: dict[str, Any] = {}
        for node in graph.nodes:
            arguments = {name: made[cls.__name__] for name, cls in node.params.items()}
            made[node.cls.__name__] = _kind(node)(node.make, **arguments)
        self.declared: Any = type("Container", (containers.DeclarativeContainer,), made)
        self.container = self.declared()
        self.container.check_dependencies()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        provider = getattr(self.container, key.__name__)
        return lambda _: provider(), key, False

    def unit(self) -> Unit:
        root = getattr(self.container, self.graph.root.__name__)
        shutdown, create_task = self.container.shutdown_resources, asyncio.create_task

        async def scope() -> Any:
            try:
                return await root()
            finally:
                await shutdown()

        async def in_new_task() -> Any:
            return await create_task(scope())

        async def in_new_context() -> Any:
            return copy_context().run(root)

        return in_new_task if self.graph.has_releases else in_new_context

    def injected(self, key: type) -> Unit:
        marker = self._marker(key)

        async def handler(obj: Any = marker) -> Any:
            return obj

        wired = self._wired(inject(handler))
        if key is self.graph.app_key:
            return wired

        async def in_new_task() -> Any:
            return await asyncio.create_task(wired())

        return in_new_task

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        route: Any = bare
        if key:
            route = self._wired(inject(filled(kind, Any, Depends(self._marker(key)))))
        app.get("/")(route)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route: Any = bare_starlette
        if key:
            route = self._wired(inject(filled_starlette(Any, self._marker(key))))
        return Starlette(routes=[Route("/", route)])

    def _marker(self, key: type) -> Any:
        """What is app-scoped has nothing to close."""
        provider = Provide[getattr(self.declared, key.__name__)]
        needs_closing = key is not self.graph.app_key and self.graph.has_releases
        return Closing[provider] if needs_closing else provider

    def _wired(self, function: Any) -> Any:
        """It wires modules, so the function gets one."""
        module: Any = types.ModuleType("wired")
        module.function = function
        function.__module__ = "wired"
        self.container.wire(modules=[module])
        return module.function


def _kind(node: Node) -> Any:
    if node.scope == "app":
        return providers.Singleton
    return providers.ContextLocalResource if node.is_generator else providers.ContextLocalSingleton


CONTESTANT = DependencyInjector
