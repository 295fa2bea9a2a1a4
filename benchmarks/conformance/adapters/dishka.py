"""dishka: a `Provider` filled by hand, the container of it, `DishkaRoute` for FastAPI."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import dishka
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
)
from dishka.entities.validation_settings import DEFAULT_VALIDATION, STRICT_VALIDATION
from dishka.integrations.fastapi import DishkaRoute, FromDishka, inject, setup_dishka
from fastapi import FastAPI, WebSocket

_DEFAULT = ""


class _Scope(Scope):
    def __init__(self, container: dishka.AsyncContainer) -> None:
        self._container = container

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._container.get(key, component=name or _DEFAULT)


class _App(App):
    def __init__(self, container: dishka.AsyncContainer, lock_factory: Any) -> None:
        self._container = container
        self._lock_factory = lock_factory

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._container.get(key, component=name or _DEFAULT)

    async def close(self) -> None:
        await self._container.close()

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Scope]:
        async with self._container(lock_factory=self._lock_factory) as container:
            yield _Scope(container)


class DishkaPeer(Peer):
    """`make_async_container()`; request scopes are `async with container()`."""

    column = "dishka"
    distributions = ("dishka",)

    def __init__(self, *, opted_in: bool = False) -> None:
        self._lock_factory = asyncio.Lock if opted_in else None
        self._validation = STRICT_VALIDATION if opted_in else DEFAULT_VALIDATION
        if opted_in:
            self.column = "dishka +"
            self.settings = (
                "`container(lock_factory=asyncio.Lock)` for request scopes, "
                "`validation_settings=STRICT_VALIDATION`"
            )

    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        container = self._container(*sources)

        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            try:
                yield _App(container, self._lock_factory)
            finally:
                await container.close()

        return opened()

    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        # Its documentation has SESSION for what lives as long as a WebSocket.
        request = dishka.Scope.SESSION if route.get("websocket") else dishka.Scope.REQUEST
        container = self._container(*sources, request=request)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            yield
            await container.close()

        app = FastAPI(lifespan=lifespan)
        if inspect.iscoroutinefunction(handler):
            app.router.route_class = DishkaRoute
        add_route(app, _endpoint(handler, key, **route), route)
        setup_dishka(container, app)
        return app

    def collection(self, form: Any) -> Any:
        return list[form]

    def resolver(self, scope: Lifetime) -> Any:
        return dishka.AsyncContainer

    def _container(
        self, *sources: Source, request: dishka.Scope = dishka.Scope.REQUEST
    ) -> dishka.AsyncContainer:
        provider = dishka.Provider()
        context = {}
        components: dict[str, dishka.Provider] = {}
        for each in sources:
            if isinstance(each, Value):
                provider.from_context(each.form, scope=dishka.Scope.APP)
                context[each.form] = each.value
            elif each.name:
                named = components.setdefault(each.name, dishka.Provider(component=each.name))
                _declare(named, each, request)
            else:
                _declare(provider, each, request)
        for form in {
            annotations.keys(e)[0] for e in sources if not isinstance(e, Value) and e.many
        }:
            provider.collect(form, scope=request)
        return dishka.make_async_container(
            provider,
            *components.values(),
            context=context,
            validation_settings=self._validation,
        )


def _declare(provider: dishka.Provider, declaration: Declaration, request: dishka.Scope) -> None:
    scope = dishka.Scope.APP if declaration.scope == "app" else request
    if declaration.decorates:
        provider.decorate(declaration.factory)
        return
    provides: Any = None
    if declaration.provides:
        several = len(declaration.provides) > 1
        provides = dishka.AnyOf[declaration.provides] if several else declaration.provides[0]
    provider.provide(
        declaration.factory,
        scope=scope,
        provides=provides,
        cache=declaration.scope != "transient",
    )


def _endpoint(handler: Callable[..., Any], key: Any, **route: Any) -> Callable[..., Any]:
    if route.get("websocket"):

        @inject
        async def of_websocket(websocket: WebSocket, value: FromDishka[key]) -> Any:
            return await handler(value, websocket)

        return of_websocket
    if not inspect.iscoroutinefunction(handler):

        def of_thread(value: FromDishka[key]) -> Any:
            return handler(value)

        return inject(of_thread)

    async def endpoint(value: FromDishka[key]) -> Any:
        return await handler(value)

    return endpoint
