"""Contestant: all that a module in this folder has to have."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, TypeVar

from benchmarks.peers.graphs import Graph

Unit = Callable[[], Awaitable[Any]]

V = TypeVar("V")

UNORDERED = "releases ignore dependencies: one may run before those of the objects that use it"


class Contestant:
    """One column: a container, or code that does without one.

    `build` comes first, once. It builds from `graph.nodes`; no contestant knows a graph.

    Attributes:
        label: What the tables call it.
        practice: How it is used here, and which page of its documentation says so.
        distributions: What the tables print the versions of.
        unable: Workload to reason, for what it cannot do.
        notes: Workload to remarks, where it does something else than the others.

    In the last two, a workload is an id or its beginning (`w7` is also `w7.fastapi.app`), or
    `*`; the longest that fits wins. An empty reason means that it is able after all.
    """

    label: ClassVar[str]
    practice: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]] = ()
    unable: ClassVar[Mapping[str, str]] = {}
    notes: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    graph: Graph

    async def build(self, graph: Graph) -> None:
        """Make the container, checked as far as it can check itself."""
        raise NotImplementedError

    async def open(self) -> None:
        """Open the app scope, where no app does it in its lifespan."""

    async def open_for_functions(self) -> None:
        """Make ready what only `injected` needs; called after `open`."""

    async def close(self) -> None:
        """Close it."""

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        """The function that gets an app-scoped object, its argument, and if it is awaited."""
        raise NotImplementedError

    def unit(self) -> Unit:
        """Enter a request scope, ask for the root of the graph, leave, return the root."""
        raise NotImplementedError

    def injected(self, key: type) -> Unit:
        """`async def handler(obj: key)`, which returns `obj`, with all that fills it.

        If *key* is request-scoped, a request scope around it is part of that.
        """
        raise NotImplementedError

    # An app with one route, GET /, that calls `seen` with what is injected and answers {}.
    # What kinds there are says `workloads.Route`; `key` has what is injected.

    def fastapi(self, kind: str) -> Any:
        raise NotImplementedError

    def starlette(self, kind: str) -> Any:
        raise NotImplementedError

    def litestar(self, kind: str) -> Any:
        raise NotImplementedError

    def key(self, kind: str) -> type | None:
        """What a route of this kind wants injected."""
        if kind == "none":
            return None
        return self.graph.app_key if kind == "app" else self.graph.root


def lookup(table: Mapping[str, V], workload: str) -> V | None:
    """What *table*, `unable` or `notes`, says about a workload."""
    fitting = [key for key in table if key == "*" or f"{workload}.".startswith(f"{key}.")]
    return table[max(fitting, key=lambda key: (key != "*", len(key)))] if fitting else None
