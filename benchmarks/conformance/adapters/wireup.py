"""wireup: `@injectable` factories; `setup()` for FastAPI."""

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import wireup
import wireup.integration.fastapi
from benchmarks.conformance import annotations
from benchmarks.conformance.protocol import (
    App,
    Declaration,
    Lifetime,
    Peer,
    Scope,
    Source,
    Value,
    add_route,
    cannot,
)
from fastapi import FastAPI, WebSocket
from wireup import Injected
from wireup.ioc.container.async_container import AsyncContainer, ScopedAsyncContainer

_LIFETIMES: dict[Lifetime, Any] = {
    "app": "singleton",
    "request": "scoped",
    "transient": "transient",
}


class _Scope(Scope):
    def __init__(self, container: ScopedAsyncContainer) -> None:
        self._container = container

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._container.get(key, qualifier=name)


class _App(App):
    def __init__(self, container: AsyncContainer) -> None:
        self._container = container

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._container.get(key, qualifier=name)

    async def close(self) -> None:
        await self._container.close()

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Scope]:
        async with self._container.enter_scope() as container:
            yield _Scope(container)


class WireupPeer(Peer):
    """`create_async_container()`; request scopes are `container.enter_scope()`."""

    column = "wireup"
    distributions = ("wireup",)

    def __init__(self, *, opted_in: bool = False) -> None:
        self._opted_in = opted_in
        if opted_in:
            self.column = "wireup +"
            self.settings = (
                "`create_async_container(concurrent_scoped_access=True)`, "
                "`setup(middleware_mode=True)`"
            )

    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        container = self._container(*sources)

        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            try:
                yield _App(container)
            finally:
                await container.close()

        return opened()

    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        app = FastAPI()
        add_route(app, _endpoint(handler, key, **route), route)
        container = self._container(*sources)
        wireup.integration.fastapi.setup(container, app, middleware_mode=self._opted_in)
        return app

    def collection(self, form: Any) -> Any:
        return Sequence[form]

    def resolver(self, scope: Lifetime) -> Any:
        return AsyncContainer if scope == "app" else ScopedAsyncContainer

    def _container(self, *sources: Source) -> AsyncContainer:
        return wireup.create_async_container(
            injectables=[_injectable(each) for each in sources],
            concurrent_scoped_access=self._opted_in,
        )


def _injectable(source: Source) -> Any:
    if isinstance(source, Value):
        return wireup.injectable(_giving(source))
    if source.decorates:
        cannot("a provider cannot be wrapped by another one")
    if len(source.provides) > 1:
        cannot("an object cannot be registered as two types")
    if annotations.is_open(source):
        cannot("a type parameter cannot be left open")
    return _registered(source)


def _giving(source: Value) -> Callable[[], Any]:
    def ready() -> Any:
        return source.value

    ready.__annotations__["return"] = source.form
    return ready


def _registered(declaration: Declaration) -> Any:
    factory = declaration.factory
    options: dict[str, Any] = {"lifetime": _LIFETIMES[declaration.scope]}
    if declaration.name or declaration.many:  # members of a collection differ by qualifier
        options["qualifier"] = declaration.name or factory.__name__
    if declaration.provides:
        options["as_type"] = declaration.provides[0]
    return wireup.injectable(factory, **options)


def _endpoint(handler: Callable[..., Any], key: Any, **route: Any) -> Callable[..., Any]:
    if route.get("websocket"):

        async def of_websocket(websocket: WebSocket, value: Injected[key]) -> Any:
            return await handler(value, websocket)

        return of_websocket
    if not inspect.iscoroutinefunction(handler):

        def of_thread(value: Injected[key]) -> Any:
            return handler(value)

        return of_thread

    async def endpoint(value: Injected[key]) -> Any:
        return await handler(value)

    return endpoint
