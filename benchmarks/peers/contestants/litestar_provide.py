"""Litestar's own `Provide`, and no container: by the name of the parameter."""

from typing import Annotated, Any, ClassVar

from benchmarks.peers.contestants.contestant import Contestant
from benchmarks.peers.contestants.routes import bare, filled
from benchmarks.peers.contestants.source import app_objects, calling, ready, with_annotations
from benchmarks.peers.graphs import Graph, Node
from litestar import Litestar, get
from litestar.di import Provide
from litestar.params import Dependency


class LitestarProvide(Contestant):
    label = "Litestar Provide"
    practice = (
        "`Provide` with an `async def` function for each object, generators as they are;"
        " `use_cache=True` for app-scoped objects; `skip_validation=True` for each parameter."
    )
    distributions = ("litestar",)
    unable: ClassVar = {"*": "only in requests of Litestar", "w7.litestar": ""}

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.app = app_objects(graph)

    def litestar(self, kind: str) -> Any:
        key = self.key(kind)
        if key is None:
            return Litestar([get("/")(bare)])
        provided = {_name(node.cls): self._provide(node) for node in self.graph.needed(key)}
        provided["obj"] = provided.pop(_name(key))
        return Litestar([get("/")(filled("injected", _unchecked(key)))], dependencies=provided)

    def _provide(self, node: Node) -> Provide:
        if node.scope == "app":
            return Provide(ready(self.app[node.cls]), use_cache=True)
        if node.is_generator:
            return Provide(with_annotations(node.make, _wanted(node)))
        function = with_annotations(calling(node), _wanted(node))
        return Provide(function)


def _unchecked(cls: type) -> Any:
    """What a function asks for that trusts the one that makes it."""
    return Annotated[cls, Dependency(skip_validation=True)]


def _wanted(node: Node) -> dict[str, Any]:
    return {name: _unchecked(cls) for name, cls in node.params.items()} | {"return": Any}


def _name(cls: type) -> str:
    return cls.__name__.lower()


CONTESTANT = LitestarProvide
