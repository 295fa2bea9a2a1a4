"""The baseline: the code that somebody would write who has no container."""

from collections.abc import Callable
from typing import Any

from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette
from benchmarks.peers.contestants.source import Body, Writer, app_objects, variable
from benchmarks.peers.graphs import Graph
from benchmarks.peers.graphs.witness import seen
from fastapi import FastAPI
from litestar import Litestar, get
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


class Hand(Contestant):
    label = "by hand"
    practice = (
        "The baseline. App-scoped objects are globals; classes are called; resources are entered"
        " with `with` over `contextlib.contextmanager` and `asynccontextmanager`."
    )
    writer: type[Writer] = Writer

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.app = app_objects(graph)

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        return self.app.__getitem__, key, False

    def unit(self) -> Unit:
        return self._function("unit()", self.graph.root, variable(self.graph.root))

    def injected(self, key: type) -> Unit:
        return self._function("handler()", key, variable(key))

    def fastapi(self, kind: str) -> Any:
        app = FastAPI()
        app.get("/")(self._route(kind))
        return app

    def litestar(self, kind: str) -> Any:
        return Litestar([get("/")(self._route("injected" if kind == "graph" else kind))])

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route: Any = bare_starlette
        if key is not None:
            body = Body("route(request)", key, (f"seen({variable(key)})",), "JSONResponse({})")
            route = self._compile(body, seen=seen, JSONResponse=JSONResponse)
        return Starlette(routes=[Route("/", route)])

    def _route(self, kind: str) -> Any:
        key = self.key(kind)
        if key is None:
            return bare
        query, page = ("page: int = 1", ", page") if kind == "graph" else ("", "")
        signature = f"route({query}) -> dict[str, str]"
        return self._compile(
            Body(signature, key, (f"seen({variable(key)}{page})",), "{}"), seen=seen
        )

    def _function(self, signature: str, key: type, result: str) -> Any:
        return self._compile(Body(signature, key, (), result))

    def _compile(self, body: Body, **names: Any) -> Any:
        return self.writer(self.graph, self.app).compile(body, **names)


CONTESTANT = Hand
