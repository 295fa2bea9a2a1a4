"""svcs: a service locator. Its factories take the container and ask it for what they need.

App-scoped objects are, as its documentation advises, made by hand in the lifespan and registered
as values: what becomes of them is not svcs's doing, so cases about app-scoped providers are n/a.
"""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
)
from types import UnionType
from typing import Annotated, Any

import svcs
import svcs.fastapi
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
from svcs.fastapi import DepContainer


class _Scope(Scope):
    def __init__(self, container: svcs.Container) -> None:
        self._container = container

    async def get(self, key: Any, name: str | None = None) -> Any:
        return await self._container.aget(_key(key, name))


class _App(App):
    def __init__(self, registry: svcs.Registry) -> None:
        self._registry = registry

    async def close(self) -> None:
        await self._registry.aclose()

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Scope]:
        async with svcs.Container(self._registry) as container:
            yield _Scope(container)


class SvcsPeer(Peer):
    """`Registry` for the app, a `Container` for each request."""

    column = "svcs"
    distributions = ("svcs",)

    def __init__(self, *, opted_in: bool = False) -> None:
        self._opted_in = opted_in
        if opted_in:
            self.column = "svcs +"
            self.settings = (
                "factories through `aautowire()`, generators among them as context managers; "
                "`register_factory(suppress_context_exit=False)`"
            )

    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        registry = self._registry(*sources)

        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            async with registry:
                yield _App(registry)

        return opened()

    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        registry = self._registry(*sources)

        async def lifespan(app: FastAPI, registry: svcs.Registry) -> AsyncGenerator[None, None]:
            yield

        app = FastAPI(lifespan=svcs.fastapi.lifespan(lifespan, registry=registry))
        add_route(app, _endpoint(handler, key, **route), route)
        return app

    def resolver(self, scope: Lifetime) -> Any:
        return svcs.Container

    async def ask(self, resolver: Any, key: Any) -> Any:
        return await resolver.aget(key)

    def _registry(self, *sources: Source) -> svcs.Registry:
        registry = svcs.Registry()
        for each in sources:
            if isinstance(each, Value):
                registry.register_value(each.form, each.value)
            else:
                self._register(registry, each)
        return registry

    def _register(self, registry: svcs.Registry, declaration: Declaration) -> None:
        if declaration.scope == "app":
            cannot("there are no app-scoped factories, only values made by hand")
        if declaration.scope == "transient":
            cannot("every object is kept by its container")
        if declaration.many or declaration.decorates or len(declaration.provides) > 1:
            cannot("a factory is registered for one type, and a type has one factory")
        if annotations.is_open(declaration):
            cannot("a type parameter cannot be left open")
        if not self._opted_in and annotations.has_defaults(declaration.factory):
            cannot("a factory written by hand asks for what it wants")
        make = _autowired if self._opted_in else _by_hand
        registry.register_factory(
            _key(annotations.keys(declaration)[0], declaration.name),
            make(declaration.factory),
            suppress_context_exit=not self._opted_in,
        )


def _key(key: Any, name: str | None) -> Any:
    return Annotated[key, name] if name else key


def _autowired(factory: Callable[..., Any]) -> Callable[..., Any]:
    if annotations.is_async_generator(factory):
        factory = asynccontextmanager(factory)
    elif annotations.is_generator(factory):
        factory = contextmanager(factory)
    return svcs.aautowire(factory)


def _by_hand(factory: Callable[..., Any]) -> Callable[..., Any]:
    """The factory that one would write: it first asks for its needs, then does the same."""
    needs = annotations.needs(factory)
    if not needs:
        return factory

    async def arguments(container: svcs.Container) -> dict[str, Any]:
        return {name: await _asked(container, form) for name, form in needs.items()}

    if annotations.is_async_generator(factory) or annotations.is_generator(factory):
        return _generator_by_hand(factory, arguments)

    async def make(svcs_container: svcs.Container) -> Any:
        result = factory(**await arguments(svcs_container))
        return await result if inspect.iscoroutine(result) else result

    return make


async def _asked(container: svcs.Container, form: Any) -> Any:
    if form is svcs.Container:
        return container
    if isinstance(form, UnionType) and form not in container.registry:
        cannot("a factory written by hand asks for what it wants")
    return await container.aget(form)


def _generator_by_hand(factory: Callable[..., Any], arguments: Any) -> Callable[..., Any]:
    if annotations.is_async_generator(factory):
        enter = asynccontextmanager(factory)
    else:

        @asynccontextmanager
        async def enter(**kwargs: Any) -> AsyncIterator[Any]:
            with contextmanager(factory)(**kwargs) as value:
                yield value

    async def make(svcs_container: svcs.Container) -> AsyncIterator[Any]:
        async with enter(**await arguments(svcs_container)) as value:
            yield value

    return make


def _endpoint(handler: Callable[..., Any], key: Any, **route: Any) -> Callable[..., Any]:
    if route.get("websocket"):

        async def of_websocket(websocket: WebSocket, services: DepContainer) -> Any:
            return await handler(await services.aget(key), websocket)

        return of_websocket
    if not inspect.iscoroutinefunction(handler):

        def of_thread(services: DepContainer) -> Any:
            return handler(services.get(key))

        return of_thread

    async def endpoint(services: DepContainer) -> Any:
        return await handler(await services.aget(key))

    return endpoint
