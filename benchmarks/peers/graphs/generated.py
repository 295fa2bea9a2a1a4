"""Graphs of plain classes that are written by a loop: a chain, a fan, and large ones."""

from collections.abc import Iterable
from typing import Any

from benchmarks.peers.graphs.graph import Graph, Node

_Spec = tuple[str, str, dict[str, str]]
"""Class name, scope, parameter name to class name."""


def chain() -> Graph:
    """Each of 20 needs the one before."""
    return _graph("chain", _line("Chain", 20))


def wide() -> Graph:
    """One object with 20 dependencies."""
    leaves: list[_Spec] = [(f"Leaf{i}", "request", {}) for i in range(20)]
    root = ("Wide", "request", {f"leaf{i}": f"Leaf{i}" for i in range(20)})
    return _graph("wide", [*leaves, root])


def flat() -> Graph:
    """1,000 providers in 4 layers; the root needs 17 of them."""
    return _graph("flat", _layers("Flat", 4, 250))


def deep() -> Graph:
    """1,000 providers in 10 layers; the root needs 164 of them."""
    return _graph("deep", _layers("Deep", 10, 100))


def line() -> Graph:
    """1,000 providers, each of which needs the one before."""
    return _graph("line", _line("Line", 1000))


def _line(name: str, count: int) -> list[_Spec]:
    return [
        (f"{name}{i}", "request", {"previous": f"{name}{i - 1}"} if i else {}) for i in range(count)
    ]


def _layers(name: str, layers: int, width: int) -> list[_Spec]:
    """Three dependencies each, in the layer before; the first layer is app-scoped."""
    specs: list[_Spec] = []
    for layer in range(layers):
        for k in range(width):
            below = [(k + offset) % width for offset in (0, 7, 31)] if layer else []
            params = {f"d{i}": f"{name}{layer - 1}x{other}" for i, other in enumerate(below)}
            specs.append((f"{name}{layer}x{k}", "request" if layer else "app", params))
    return specs


def _graph(name: str, specs: Iterable[_Spec]) -> Graph:
    """The root is what stands last; of a graph in layers, the first of the last layer."""
    classes: dict[str, type] = {}
    nodes: list[Node] = []
    for class_name, scope, wanted in specs:
        params = {param: classes[other] for param, other in wanted.items()}
        cls = classes[class_name] = _class(class_name, params)
        nodes.append(Node(cls, scope, cls, params))
    root = nodes[-1].cls.__name__
    first_of_layer = root.partition("x")[0] + "x0"
    return Graph(name, tuple(nodes), classes.get(first_of_layer, classes[root]))


def _class(name: str, params: dict[str, type]) -> type:
    """A plain class, made from source so that it is like one that somebody has typed."""
    arguments = "".join(f", {param}: {cls.__name__}" for param, cls in params.items())
    body = "\n        ".join([f"self.{param} = {param}" for param in params] or ["self.name = ''"])
    source = f"class {name}:\n    def __init__(self{arguments}) -> None:\n        {body}\n"
    made: dict[str, Any] = globals()  # where annotations are looked up
    exec(source, made)
    cls: type = made[name]
    return cls
