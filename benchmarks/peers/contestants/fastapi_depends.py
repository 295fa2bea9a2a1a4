"""FastAPI's own `Depends`, and no container. All functions are `async def`: FastAPI runs others,
and the constructors of classes, in threads.
"""

from typing import Annotated, Any, ClassVar

from benchmarks.peers.contestants.contestant import Contestant
from benchmarks.peers.contestants.routes import bare, filled
from benchmarks.peers.contestants.source import app_objects, calling, ready, with_annotations
from benchmarks.peers.graphs import Graph, Node
from fastapi import Depends, FastAPI


class FastAPIDepends(Contestant):
    label = "FastAPI Depends"
    practice = (
        "An `async def` function for each object, generators as they are, `Annotated[..., Depends"
        "(...)]` for each parameter; app-scoped objects are globals that a function returns."
    )
    distributions = ("fastapi",)
    unable: ClassVar = {
        "*": "only in requests of FastAPI",
        **dict.fromkeys(("w7.fastapi", "w8", "w10.fastapi", "wp.fastapi"), ""),
    }
    notes: ClassVar = {"wp.fastapi": ("FastAPI runs the generator that is not async in threads",)}

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        app = app_objects(graph)
        self.wanted: dict[type, Any] = {}
        for node in graph.nodes:
            function = self._function(node) if node.scope == "request" else ready(app[node.cls])
            self.wanted[node.cls] = Annotated[node.cls, Depends(function)]

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.get("/")(filled(kind, self.wanted[key]) if key else bare)
        return app

    def _function(self, node: Node) -> Any:
        """The function that somebody would write for this node."""
        wanted = {name: self.wanted[cls] for name, cls in node.params.items()}
        return with_annotations(node.make if node.is_generator else calling(node), wanted)


CONTESTANT = FastAPIDepends
