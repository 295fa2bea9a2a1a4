"""Writes the functions of the hand-written contestants, as somebody would type them.

They are written from the graph only so that all graphs share one module;
`python -m benchmarks.peers.contestants.source` prints some.
"""

import sys
import types
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.graphs import Graph, Node, make_graph


@dataclass(frozen=True)
class Body:
    """A function that makes *key* in a request scope of its own, then does *then*, then returns.

    Attributes:
        signature: What stands between `async def` and the colon.
        key: What it makes.
        then: Statements.
        result: The expression that it returns.
    """

    signature: str
    key: type
    then: tuple[str, ...]
    result: str

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]


def variable(cls: type) -> str:
    """The name of the variable that has an object of *cls*."""
    return f"the_{cls.__name__.lower()}"


def app_objects(graph: Graph) -> dict[type, Any]:
    """The app-scoped objects of a graph, which are made once."""
    made: dict[type, Any] = {}
    for node in graph.nodes:
        if node.scope == "app":
            made[node.cls] = node.make(*(made[cls] for cls in node.params.values()))
    return made


def calling(node: Node) -> Any:
    """The coroutine function that somebody would write who needs one instead of the class."""
    parameters = ", ".join(node.params)
    names: dict[str, Any] = {"cls": node.cls, "__name__": __name__}
    exec(f"async def make({parameters}):\n    return cls({parameters})", names)
    return names["make"]


def with_annotations(function: Any, annotations: dict[str, Any]) -> Any:
    """*function* again, with other annotations, as if it had been written so."""
    again = types.FunctionType(function.__code__, function.__globals__, function.__name__)
    again.__annotations__ = annotations
    return again


def ready(value: Any) -> Any:
    """A coroutine function that returns *value*."""

    async def get() -> Any:
        return value

    return get


class Writer:
    """Lines of a function, and the names that they use."""

    def __init__(self, graph: Graph, app: dict[type, Any]) -> None:
        self._graph = graph
        self._app = app

    def compile(self, body: Body, **names: Any) -> Any:
        """The function."""
        source, used = self.write(body)
        namespace = {"__name__": __name__, **used, **names}
        exec(source, namespace)
        return namespace[body.name]

    def write(self, body: Body) -> tuple[str, dict[str, Any]]:
        """The source, and the names in it."""
        self.lines = [f"async def {body.signature}:"]
        self.names: dict[str, Any] = {}
        self.depth = 1
        for node in self._graph.needed(body.key):
            self._make(node)
        self.end(body)
        return "\n".join(self.lines), self.names

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _make(self, node: Node) -> None:
        name = variable(node.cls)
        arguments = ", ".join(map(variable, node.params.values()))
        if node.scope == "app":
            self.names[name] = self._app[node.cls]
        elif node.is_generator:
            self.enter(node, name, f"{node.make.__name__}({arguments})")
        else:
            self.names[node.cls.__name__] = node.cls
            self.add(f"{name} = {node.cls.__name__}({arguments})")

    def enter(self, node: Node, name: str, call: str) -> None:
        """Enter a resource; what comes next is inside of it."""
        manager = asynccontextmanager if node.is_async_generator else contextmanager
        self.names[node.make.__name__] = manager(node.make)
        self.add(f"{'async ' if node.is_async_generator else ''}with {call} as {name}:")
        self.depth += 1

    def end(self, body: Body) -> None:
        for line in (*body.then, f"return {body.result}"):
            self.add(line)


def main() -> None:
    """Print what does the work of W2, of W3, and the floor of W3."""
    from benchmarks.peers.contestants.floor import InPlaceWriter

    for writer, name in ((Writer, "plain"), (Writer, "resources"), (InPlaceWriter, "resources")):
        graph = make_graph(name)
        body = Body("unit()", graph.root, (), variable(graph.root))
        source, _ = writer(graph, app_objects(graph)).write(body)
        sys.stdout.write(f"# {writer.__name__}, {name}\n{source}\n\n")


if __name__ == "__main__":
    main()
