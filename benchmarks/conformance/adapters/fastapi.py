"""FastAPI's own `Depends`, without a container.

A request scope is a real request: the case's body is the endpoint, which runs in the caller's
task. What the body asks for are its parameters, so FastAPI has made them before it begins.
`Depends` has no app scope; cases about one are n/a.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, TypeVar

from benchmarks.conformance import annotations, asgi
from benchmarks.conformance.protocol import (
    App,
    Body,
    Declaration,
    Lifetime,
    Peer,
    Scope,
    Source,
    Value,
    add_route,
    cannot,
)
from fastapi import Depends, FastAPI, Request, WebSocket

T = TypeVar("T")


class _Given(Scope):
    """The parameters of an endpoint."""

    def __init__(self, values: dict[Any, Any]) -> None:
        self._values = values

    async def get(self, key: Any, name: str | None = None) -> Any:
        if (key, name) not in self._values:
            cannot("an endpoint cannot ask for more than its parameters")
        return self._values[key, name]


class _App(App):
    def __init__(self, functions: "_Functions") -> None:
        self._functions = functions
        self._routes: dict[Any, FastAPI] = {}

    async def request(self, body: Body[T], *keys: Any) -> T:
        if keys not in self._routes:
            self._routes[keys] = self._route(keys)
        results: list[T] = []

        async def endpoint(values: dict[Any, Any]) -> None:
            results.append(await body(_Given(values)))

        await asgi.call(self._routes[keys], asgi.http_scope({}, body_of_case=endpoint))
        return results[0]

    def _route(self, keys: tuple[Any, ...]) -> FastAPI:
        named = [key if isinstance(key, tuple) else (key, None) for key in keys]

        async def endpoint(request: Request, **values: Any) -> None:
            await request.scope["body_of_case"](dict(zip(named, values.values(), strict=True)))

        parameters = [inspect.Parameter("request", _KEYWORD, annotation=Request)]
        for number, key in enumerate(named):
            annotation = self._functions.annotation(*key)
            parameters.append(inspect.Parameter(f"p{number}", _KEYWORD, annotation=annotation))
        return _routed(endpoint, parameters)


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _routed(endpoint: Callable[..., Any], parameters: list[inspect.Parameter]) -> FastAPI:
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app = FastAPI()
    add_route(app, endpoint, {})
    return app


class FastAPIPeer(Peer):
    """Dependency functions that name each other with `Depends`."""

    column = "FastAPI"
    distributions = ("fastapi", "starlette")

    def open(self, *sources: Source) -> AbstractAsyncContextManager[App]:
        functions = _Functions(sources)

        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            yield _App(functions)

        return opened()

    def web(self, handler: Callable[..., Any], key: Any, *sources: Source, **route: Any) -> Any:
        app = FastAPI()
        annotation = _Functions(sources).annotation(key, None)
        add_route(app, _endpoint(handler, annotation, **route), route)
        return app

    def resolver(self, scope: Lifetime) -> Any:
        cannot("there is no container to ask")


class _Functions:
    """The dependency functions that one would write for the declarations."""

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources: dict[tuple[Any, str | None], Source] = {}
        self._made: dict[tuple[Any, str | None], Any] = {}
        for each in sources:
            _check(each)
            forms = (each.form,) if isinstance(each, Value) else annotations.keys(each)
            key = (forms[0], None if isinstance(each, Value) else each.name)
            if key in self._sources:
                cannot("nothing is provided for a type: a parameter names its function")
            self._sources[key] = each
        for key in self._sources:
            self.annotation(*key)

    def annotation(self, form: Any, name: str | None = None) -> Any:
        """The annotation of a parameter for this key."""
        key = (form, name)
        if key not in self._sources:
            cannot("a parameter names its function, which cannot be missing")
        if key not in self._made:
            source = self._sources[key]
            self._made[key] = None  # so that a cycle is found below
            is_shared = isinstance(source, Value) or source.scope != "transient"
            depends = Depends(self._function(source), use_cache=is_shared)
            self._made[key] = Annotated[form, depends]
        if self._made[key] is None:
            cannot("functions that name each other cannot be written down")
        return self._made[key]

    def _function(self, source: Source) -> Callable[..., Any]:
        if isinstance(source, Value):

            async def ready() -> Any:
                return source.value

            return ready
        factory = source.factory
        needs = annotations.needs(factory)
        if annotations.has_defaults(factory):
            cannot("a default makes a parameter of the request")
        if isinstance(factory, type):
            factory = _call_of(factory)
        factory.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, _KEYWORD, annotation=self.annotation(form))
                for name, form in needs.items()
            ]
        )
        return factory


def _call_of(form: type) -> Callable[..., Any]:
    async def make(**kwargs: Any) -> Any:
        return form(**kwargs)

    return make


def _check(source: Source) -> None:
    if not isinstance(source, Declaration):
        return
    if source.scope == "app":
        cannot("there is no app scope")
    if source.many or source.decorates or len(source.provides) > 1:
        cannot("a parameter names its function, not a type")


def _endpoint(handler: Callable[..., Any], annotation: Any, **route: Any) -> Callable[..., Any]:
    if route.get("websocket"):

        async def of_websocket(websocket: WebSocket, value: annotation) -> Any:
            return await handler(value, websocket)

        return of_websocket
    if not inspect.iscoroutinefunction(handler):

        def of_thread(value: annotation) -> Any:
            return handler(value)

        return of_thread

    async def endpoint(value: annotation) -> Any:
        return await handler(value)

    return endpoint
