"""Graph and Node: what there is to build, as data.

A node is made by calling its class, or by driving a generator function: set-up, `yield`,
release. The parameters of the generator are those of the class, with the same annotations, so a
container that wires by type needs nothing else.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a graph.

    Attributes:
        cls: Its class, which is what others ask for.
        scope: "app" or "request".
        make: The class itself, or a generator function.
        params: Parameter name to class.
    """

    cls: type
    scope: str
    make: Callable[..., Any]
    params: dict[str, type]

    @property
    def is_generator(self) -> bool:
        return self.make is not self.cls

    @property
    def is_async_generator(self) -> bool:
        return inspect.isasyncgenfunction(self.make)


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order of their dependencies.

    Attributes:
        name: What it is called.
        nodes: What a node needs stands before it.
        root: The request-scoped class that a workload asks for.
        app_key: An app-scoped class to ask for on its own, where there is one.
    """

    name: str
    nodes: tuple[Node, ...]
    root: type
    app_key: type | None = None

    @property
    def is_async(self) -> bool:
        """Whether something in it has to be awaited."""
        return any(node.is_async_generator for node in self.nodes)

    @property
    def has_releases(self) -> bool:
        return any(node.is_generator for node in self.nodes)

    def node(self, cls: type) -> Node:
        return next(node for node in self.nodes if node.cls is cls)

    def needed(self, cls: type) -> list[Node]:
        """The nodes that making *cls* takes: what is needed first, depth first."""
        by_class = {node.cls: node for node in self.nodes}
        found: dict[type, Node] = {}
        waiting = [cls]
        while waiting:
            node = by_class[waiting[-1]]
            missing = [each for each in node.params.values() if each not in found]
            if missing:
                waiting.append(missing[0])
            else:
                found[waiting.pop()] = node
        return list(found.values())


def parameters(make: Callable[..., Any]) -> dict[str, type]:
    """The annotated parameters of a class or a function."""
    function = make.__init__ if isinstance(make, type) else make
    annotations = getattr(function, "__annotations__", {})
    return {name: cls for name, cls in annotations.items() if name != "return"}
