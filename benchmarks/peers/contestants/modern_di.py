"""modern-di: resolving is synchronous; a release is a finalizer of a cached factory.

Where the others have an async generator, it has a plain factory with an async finalizer:
nothing can be awaited in a set-up.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import modern_di_fastapi
import modern_di_litestar
import modern_di_starlette
from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette, filled, filled_starlette
from benchmarks.peers.graphs import Graph, Node
from benchmarks.peers.graphs.witness import seen, tick
from fastapi import FastAPI
from litestar import Litestar, get
from modern_di import Container, Group, Scope, providers
from starlette.applications import Starlette
from starlette.routing import Route

_SYNC_SET_UP = "a plain factory with an async finalizer: nothing can be awaited in a set-up"
_NO_FUNCTIONS = "injects into functions only where a framework calls them"


class ModernDI(Contestant):
    label = "modern-di"
    practice = (
        "`Factory` with `cache=True`, and a finalizer where there is a release; `validate()`; the"
        " packages for FastAPI, Starlette and Litestar."
    )
    distributions = (
        "modern-di",
        "modern-di-fastapi",
        "modern-di-litestar",
        "modern-di-starlette",
    )
    unable: ClassVar = {
        **dict.fromkeys(("w1i", "w2i", "w3i", "wp.injected"), _NO_FUNCTIONS),
        "w9": "nothing can be awaited in a set-up",
    }
    notes: ClassVar = {
        **dict.fromkeys(("w3", "w8", "w10", "wp"), (_SYNC_SET_UP,)),
        **dict.fromkeys(("w7.fastapi.graph", "w7.fastapi.injected"), (_SYNC_SET_UP,)),
        **dict.fromkeys(("w7.starlette.graph", "w7.litestar.graph"), (_SYNC_SET_UP,)),
    }

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        members = {node.cls.__name__.lower(): _provider(node) for node in graph.nodes}
        self.container = Container(groups=[type("Dependencies", (Group,), members)])
        self.container.validate()

    async def close(self) -> None:
        await self.container.close_async()

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.container.resolve, key, False

    def unit(self) -> Unit:
        build_child, root = self.container.build_child_container, self.graph.root
        scope = Scope.REQUEST

        async def unit() -> Any:
            async with build_child(scope=scope) as child:
                return child.resolve(root)

        return unit

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        modern_di_fastapi.setup_di(app, self.container)
        app.get("/")(filled(kind, Any, modern_di_fastapi.FromDI(key)) if key else bare)
        return app

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route: Any = bare_starlette
        if key:
            annotation = Annotated[key, modern_di_starlette.FromDI(key)]
            route = modern_di_starlette.inject(filled_starlette(annotation))
        app = Starlette(routes=[Route("/", route)])
        modern_di_starlette.setup_di(app, self.container)
        return app

    def litestar(self, kind: str) -> Any:
        key = self.key(kind)
        dependencies = {"obj": modern_di_litestar.FromDI(key)} if key else {}

        async def route(obj: key) -> dict[str, str]:
            seen(obj)
            return {}

        handler = get("/", dependencies=dependencies)(route if key else bare)
        return Litestar([handler], plugins=[modern_di_litestar.ModernDIPlugin(self.container)])


def _provider(node: Node) -> Any:
    scope = Scope.APP if node.scope == "app" else Scope.REQUEST
    if not node.is_generator:
        return providers.Factory(node.cls, scope=scope, cache=True)
    finalizer = _release_async if node.is_async_generator else _release
    cache = providers.CacheSettings(finalizer=finalizer)
    return providers.Factory(_set_up(node.cls), scope=scope, cache=cache)


def _set_up(cls: Any) -> Any:
    """A factory that does what the generator does before its `yield`."""

    def make(*args: Any) -> Any:
        obj = cls(*args)
        obj.opened = tick()
        return obj

    made: Any = make
    made.__signature__ = inspect.signature(cls)
    made.__annotations__ = {**cls.__init__.__annotations__, "return": cls}
    return made


def _release(obj: Any) -> None:
    obj.closed = tick()


async def _release_async(obj: Any) -> None:
    obj.closed = tick()


CONTESTANT = ModernDI
