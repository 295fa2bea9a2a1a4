"""di: a graph is solved once for each entry point, and executed in a scope.

It has no integration of a framework: the routes enter the scope themselves, as its example
does.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.peers.contestants.contestant import Contestant, Unit
from benchmarks.peers.contestants.routes import bare, bare_starlette
from benchmarks.peers.graphs import Graph
from benchmarks.peers.graphs.witness import seen
from di import Container
from di.dependent import Dependent
from di.executors import AsyncExecutor, SyncExecutor
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_SCOPES = ("app", "request")
_BY_HAND = ("no integration: the route enters the scope itself",)


class Di(Contestant):
    label = "di"
    practice = (
        "One `bind` hook for all classes; `solve` once for each entry point; `execute_sync` where"
        " nothing is awaited, else `AsyncExecutor`; routes enter the scope themselves."
    )
    distributions = ("di",)
    unable: ClassVar = {"w7.litestar": "no integration of any framework"}
    notes: ClassVar = {
        **dict.fromkeys(("w8", "w10.fastapi", "wp.fastapi"), _BY_HAND),
        **dict.fromkeys(("w7.fastapi.app", "w7.fastapi.graph", "w7.fastapi.injected"), _BY_HAND),
        **dict.fromkeys(("w7.starlette.app", "w7.starlette.graph"), _BY_HAND),
        "w6": ("builds only what the root needs",),
    }

    async def build(self, graph: Graph) -> None:
        self.graph = graph
        self.container = Container()
        dependents = {node.cls: Dependent(node.make, scope=node.scope) for node in graph.nodes}
        self.container.bind(lambda _, dependent: dependents.get(dependent.call))
        self._opening = self.container.enter_scope("app")
        self.state = await self._opening.__aenter__()

    async def close(self) -> None:
        await self._opening.__aexit__(None, None, None)

    def getter(self, key: type) -> tuple[Callable[[Any], Any], Any, bool]:
        execute, executor, state = self._solve(key).execute_sync, SyncExecutor(), self.state
        return lambda _: execute(executor, state), key, False

    def unit(self) -> Unit:
        enter_scope, app_state = self.container.enter_scope, self.state
        solved = self._solve(self.graph.root)
        execute, executor = solved.execute_async, AsyncExecutor()
        execute_sync, sync_executor = solved.execute_sync, SyncExecutor()

        async def unit() -> Any:
            async with enter_scope("request", app_state) as state:
                return await execute(executor, state)

        async def without_awaiting() -> Any:
            async with enter_scope("request", app_state) as state:
                return execute_sync(sync_executor, state)

        return unit if self.graph.is_async else without_awaiting

    def injected(self, key: type) -> Unit:
        async def handler(obj: key) -> Any:
            return obj

        solved = self.container.solve(Dependent(handler, scope="request"), scopes=_SCOPES)
        enter_scope, app_state = self.container.enter_scope, self.state
        execute, executor = solved.execute_async, AsyncExecutor()

        async def call() -> Any:
            async with enter_scope("request", app_state) as state:
                return await execute(executor, state)

        return call

    def fastapi(self, kind: str) -> Any:
        app, key = FastAPI(), self.key(kind)
        app.get("/")(self._answer(kind, key) if key else bare)
        return app

    def _answer(self, kind: str, key: type) -> Any:
        if kind == "app":
            get, argument, _ = self.getter(key)

            async def app_route() -> dict[str, str]:
                seen(get(argument))
                return {}

            return app_route

        enter_scope, app_state = self.container.enter_scope, self.state
        execute, executor = self._solve(key).execute_async, AsyncExecutor()

        async def route() -> dict[str, str]:
            async with enter_scope("request", app_state) as state:
                seen(await execute(executor, state))
            return {}

        async def route_with_query(page: int = 1) -> dict[str, str]:
            async with enter_scope("request", app_state) as state:
                seen(await execute(executor, state), page)
            return {}

        return route_with_query if kind == "graph" else route

    def starlette(self, kind: str) -> Any:
        key = self.key(kind)
        route: Any = bare_starlette
        if key:
            answer = self._answer("injected" if kind == "graph" else kind, key)

            async def route(request: Request) -> JSONResponse:
                return JSONResponse(await answer())

        return Starlette(routes=[Route("/", route)])

    def _solve(self, key: type) -> Any:
        node = self.graph.node(key)
        return self.container.solve(Dependent(node.make, scope=node.scope), scopes=_SCOPES)


CONTESTANT = Di
