"""that-depends: what is request-scoped is a `ContextResource`, `container_context` the scope."""

from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.peers.contestants.contestant import UNORDERED, Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled, filled_starlette
from benchmarks.peers.graphs import Graph, Node
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from that_depends import (
    BaseContainer,
    ContextScopes,
    Provide,
    container_context,
    inject,
    providers,
)
from that_depends.integrations.fastapi import create_fastapi_route_class
from that_depends.providers import DIContextMiddleware


class ThatDepends(Contestant):
    label = "that-depends"
    practice = (
        "`Singleton` and `ContextResource`; `container_context` of the container and the scope;"
        " `inject(scope=...)` for functions, which enters only what is needed; the route class of"
        " its guide for FastAPI, its middleware on Starlette."
    )
    distributions = ("that-depends",)
    unable: ClassVar = {"w7.litestar": "its guide is Litestar's own injection, with its providers"}
    notes: ClassVar = {
        **dict.fromkeys(("w3", "w8", "w9", "w10", "wp"), (UNORDERED,)),
        **dict.fromkeys(("w7.fastapi.graph", "w7.fastapi.injected"), (UNORDERED,)),
        "w7.starlette.graph": (UNORDERED,),
    }

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.providers: dict[type, Any] = {}
        for node in graph.nodes:
            arguments = {name: self.providers[cls] for name, cls in node.params.items()}
            if node.scope == "app":
                self.providers[node.cls] = providers.Singleton(node.cls, **arguments)
            else:
                make = node.make if node.is_generator else _yielding(node)
                resource = providers.ContextResource(make, **arguments)
                self.providers[node.cls] = resource.with_config(scope=ContextScopes.REQUEST)
        members = {cls.__name__.lower(): provider for cls, provider in self.providers.items()}
        self.container = type(f"Container{graph.name}", (BaseContainer,), members)

    async def close(self) -> None:
        await self.container.tear_down()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        resolve = self.providers[key].resolve_sync
        return lambda _: resolve(), key, False

    def unit(self) -> Unit:
        container, root = self.container, self.providers[self.graph.root]
        scope = ContextScopes.REQUEST

        async def unit() -> Any:
            async with container_context(container, scope=scope):
                return await root.resolve()

        return unit

    def injected(self, key: type) -> Unit:
        @inject(scope=ContextScopes.REQUEST)
        async def handler(obj: Any = Provide[self.providers[key]]) -> Any:
            return obj

        return handler

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.router.route_class = create_fastapi_route_class(
            self.container, scope=ContextScopes.REQUEST
        )
        app.get("/")(filled(kind, Any, Provide[self.providers[key]]) if key else bare)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route: Any = bare_starlette
        if key:
            route = inject(scope=None)(filled_starlette(Any, Provide[self.providers[key]]))
        app = Starlette(routes=[Route("/", route)])
        app.add_middleware(DIContextMiddleware, self.container, scope=ContextScopes.REQUEST)
        return app


def _yielding(node: Node) -> Any:
    """A generator that makes a class: only those are cached in a scope."""
    parameters = ", ".join(node.params)
    names: dict[str, Any] = {"cls": node.cls}
    exec(f"def make({parameters}):\n    yield cls({parameters})", names)
    return names["make"]


CONTESTANT = ThatDepends
