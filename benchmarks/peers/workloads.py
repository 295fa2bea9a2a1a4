"""The workloads: what is measured, of which graph, and how it is counted."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """A row of the tables.

    Attributes:
        id: What the command line calls it.
        title: What it measures, for people.
        form: Which module does it; see `exercises.prepare`.
        graph: The name of the graph.
        framework: Of those with the form "asgi", in which framework.
        route: What that framework's route wants: "none" nothing, "app" an app-scoped object,
            "injected" the root of the graph, "graph" the same and a query parameter.
    """

    id: str
    title: str
    form: str
    graph: str
    framework: str = ""
    route: str = ""

    @property
    def group(self) -> str:
        """The part of the id before the first dot."""
        return self.id.partition(".")[0]


def _in_process(framework: str, label: str, routes: dict[str, str]) -> list[Workload]:
    return [
        Workload(
            f"w7.{framework}.{route}",
            f"{label} in process: {title}",
            "asgi",
            "resources",
            framework,
            route,
        )
        for route, title in routes.items()
    ]


_ROUTES = {"none": "nothing injected", "app": "an app-scoped object", "graph": "the W3 graph"}
_FASTAPI = {
    "none": "nothing injected",
    "app": "an app-scoped object",
    "graph": "the W3 graph beside a query parameter",
    "injected": "the W3 graph, and no other parameter",
}

WORKLOADS = (
    Workload("w1", "a ready app-scoped object", "get", "resources"),
    Workload("w1i", "the same, injected into a function", "inject app", "plain"),
    Workload("w2", "request scope, 8 plain objects", "scope", "plain"),
    Workload("w2i", "the same, injected into a function", "inject", "plain"),
    Workload("w3", "request scope, 3 of 8 are async generators", "scope", "resources"),
    Workload("w3i", "the same, injected into a function", "inject", "resources"),
    Workload("w4", "request scope, a chain of 20", "scope", "chain"),
    Workload("w5", "request scope, 20 dependencies of one object", "scope", "wide"),
    Workload("w6.flat", "1,000 providers in 4 layers", "build", "flat"),
    Workload("w6.deep", "1,000 providers in 10 layers", "build", "deep"),
    Workload("w6.line", "1,000 providers in one chain", "build", "line"),
    *_in_process("fastapi", "FastAPI", _FASTAPI),
    *_in_process("starlette", "Starlette", _ROUTES),
    *_in_process("litestar", "Litestar", _ROUTES),
    Workload(
        "w8",
        "uvicorn, FastAPI: the W3 graph beside a query parameter",
        "server",
        "resources",
        "fastapi",
        "graph",
    ),
    Workload("w9", "1,000 request scopes at once, W3, suspending", "at once", "suspending"),
    Workload("w10.scope", "growth and garbage, W3", "memory", "resources"),
    Workload(
        "w10.fastapi",
        "growth and garbage, FastAPI with the W3 graph",
        "memory",
        "resources",
        "fastapi",
        "graph",
    ),
    Workload("wp.scope", "wireup's published graph, request scope", "scope", "published"),
    Workload("wp.injected", "the same, injected into a function", "inject", "published"),
    Workload(
        "wp.fastapi",
        "the same, FastAPI in process",
        "asgi",
        "published",
        "fastapi",
        "injected",
    ),
)

BY_ID = {workload.id: workload for workload in WORKLOADS}


def chosen(prefixes: Iterable[str]) -> list[Workload]:
    """The workloads of which the id, or its beginning up to a dot, is one of *prefixes*."""
    wanted = [f"{prefix.strip().lower()}." for prefix in prefixes]
    return [w for w in WORKLOADS if any(f"{w.id}.".startswith(prefix) for prefix in wanted)]
