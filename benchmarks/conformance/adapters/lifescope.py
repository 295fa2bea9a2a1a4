"""lifescope, with nothing but its defaults."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from benchmarks.conformance.protocol import (
    App,
    Declaration,
    Lifetime,
    Peer,
    Scope,
    Source,
    Value,
    add_route,
)
from fastapi import FastAPI, WebSocket

import lifescope
from lifescope.integrations.fastapi import Inject


class _Scope(Scope):
    def __init__(self, scope: lifescope.OpenScope) -> None:
        self._scope = scope

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._scope.get(_key(key, name))


class _App(App):
    def __init__(self, scope: lifescope.OpenScope, close: Callable[[], Any]) -> None:
        self._scope = scope
        self._close = close

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._scope.get(_key(key, name))

    async def close(self) -> None:
        await self._close()

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Scope]:
        async with self._scope.open() as scope:
            yield _Scope(scope)


class LifescopePeer(Peer):
    """`container.open()`; `Inject[T]` and `container.asgi()` for FastAPI."""

    column = "lifescope"
    distributions = ("lifescope",)

    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        container = _container(*sources)

        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            opening = container.open()
            scope = await opening.__aenter__()

            async def close() -> None:
                await opening.__aexit__(None, None, None)

            try:
                yield _App(scope, close)
            except BaseException as error:
                await opening.__aexit__(type(error), error, error.__traceback__)
                raise
            else:
                await close()

        return opened()

    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        def create_app() -> FastAPI:
            app = FastAPI()
            add_route(app, _endpoint(handler, key, **route), route)
            return app

        return _container(*sources).asgi(create_app)

    def collection(self, form: Any) -> Any:
        return list[form]

    def resolver(self, scope: Lifetime) -> Any:
        return lifescope.OpenScope


def _key(key: Any, name: str | None) -> Any:
    return Annotated[key, lifescope.Named(name)] if name else key


def _container(*sources: Source) -> lifescope.Container:
    values = {each.form: each.value for each in sources if isinstance(each, Value)}
    declared = [_provider(each) for each in sources if isinstance(each, Declaration)]
    return lifescope.Container(*declared, values=values)


def _provider(declaration: Declaration) -> Any:
    return lifescope.provider(
        declaration.factory,
        scope=declaration.scope,
        provides=declaration.provides or None,
        name=declaration.name,
        many=declaration.many,
        decorate=declaration.decorates,
    )


def _endpoint(handler: Callable[..., Any], key: Any, **route: Any) -> Callable[..., Any]:
    if route.get("websocket"):

        async def of_websocket(websocket: WebSocket, value: Inject[key]) -> Any:
            return await handler(value, websocket)

        return of_websocket
    if not inspect.iscoroutinefunction(handler):

        def of_thread(value: Inject[key]) -> Any:
            return handler(value)

        return of_thread

    async def endpoint(value: Inject[key]) -> Any:
        return await handler(value)

    return endpoint
