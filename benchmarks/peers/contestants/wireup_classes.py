"""wireup with class-based routes: app-scoped objects are injected once, when the app starts."""

from typing import Any, ClassVar

from benchmarks.peers.contestants.wireup import Wireup
from benchmarks.peers.graphs.witness import seen
from fastapi import APIRouter, FastAPI
from wireup import Injected
from wireup.integration.fastapi import WireupRoute, setup


class WireupClasses(Wireup):
    label = "wireup, classes"
    practice = (
        "As wireup; the route is a method of a class whose constructor takes what is app-scoped"
        " (class-based handlers of its guide for FastAPI)."
    )
    unable: ClassVar = {
        "*": "the same as wireup",
        "w7.fastapi.app": "",
        "w7.fastapi.injected": "",
        "wp.fastapi": "",
    }

    def fastapi(self, kind: str) -> Any:
        app = FastAPI()
        handler = _with_object(self.key(kind)) if kind == "app" else _with_parameter(self.key(kind))
        setup(self.container, app, class_based_handlers=[handler])
        return app


def _with_object(key: Any) -> Any:
    class Handler:
        router = APIRouter()

        def __init__(self, obj: key) -> None:
            self.obj = obj

        @router.get("/")
        async def route(self) -> dict[str, str]:
            seen(self.obj)
            return {}

    return Handler


def _with_parameter(key: Any) -> Any:
    class Handler:
        router = APIRouter(route_class=WireupRoute)

        @router.get("/")
        async def route(self, obj: Injected[key]) -> dict[str, str]:
            seen(obj)
            return {}

    return Handler


CONTESTANT = WireupClasses
