"""The routes of an app, as far as they can be read: what leads to endpoints, and their keys.

Nothing is imported here: frameworks are recognised by the shape of their objects. Where an
app has another shape, nobody knows what it asks for, and everything counts.
"""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from lifescope._model.keys import Key, as_key

__all__ = ["entry_keys", "leaves"]

_KNOWN = ("starlette", "fastapi")
"""Apps of theirs without routes, such as static files, ask for nothing."""


def entry_keys(app: Any) -> list[Key] | None:
    """The keys that the endpoints of *app* ask for; None where its routes cannot be read."""
    keys: dict[Key, None] = {}
    for leaf in leaves(app):
        found = _keys_of_leaf(leaf)
        if found is None:
            return None
        keys.update(dict.fromkeys(found))
    return list(keys)


def leaves(app: Any) -> Iterator[Any]:
    """What is at the end of the routes of *app*, itself if it has none.

    Each is an object with the attribute `app`, which serves the route, or an app. Those of
    FastAPI have a `dependant`, too, and those of Starlette at least an `endpoint`.
    """
    return _leaves_of_app(app, app, set())


def _leaves_of_app(app: Any, holder: Any, seen: set[int]) -> Iterator[Any]:
    if id(app) in seen:
        return
    seen.add(id(app))
    routes: Any = getattr(app, "routes", None)
    if hasattr(routes, "__iter__"):
        for route in routes:
            yield from _leaves_of_route(route, seen)
    elif hasattr(app, "app"):  # middleware around an app
        yield from _leaves_of_app(app.app, app, seen)
    elif type(app).__module__.partition(".")[0] not in _KNOWN:
        yield holder  # nobody knows all that it does, but what it holds is worth knowing
        for each in _apps_held_by(app):
            yield from _leaves_of_app(each, each, seen)


def _apps_held_by(app: Any) -> Iterator[Any]:
    """What middleware of the user's own is around, whatever its attribute is called."""
    parts: list[Any] = [getattr(app, "__self__", None), getattr(app, "func", None)]
    parts += [*getattr(app, "args", ()), *getattr(app, "__dict__", {}).values()]
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # it is empty
            parts.append(cell.cell_contents)
    for part in parts:
        call = getattr(part.__class__, "__call__", None)  # noqa: B004
        if inspect.iscoroutinefunction(part) or inspect.iscoroutinefunction(call):
            yield part


def _leaves_of_route(route: Any, seen: set[int]) -> Iterator[Any]:
    starlette_route = getattr(route, "starlette_route", None)
    endpoint = getattr(route, "endpoint", None)
    if hasattr(route, "effective_candidates"):  # FastAPI: a router that was included
        for each in route.effective_candidates():
            yield from _leaves_of_route(each, seen)
    elif starlette_route is not None:  # FastAPI: a route of such a router
        yield from _leaves_of_route(starlette_route, seen)
    elif _is_app(endpoint) and getattr(route, "dependant", None) is None:
        yield from _leaves_of_app(endpoint, route, seen)
    elif endpoint is not None:
        yield route
    elif hasattr(route, "app"):  # a mounted app
        yield from _leaves_of_app(route.app, route, seen)
    elif hasattr(route, "routes"):
        yield from _leaves_of_app(route, route, seen)
    else:
        yield route


def _is_app(endpoint: Any) -> bool:
    """Whether *endpoint* is neither a function, maybe a partial one, nor a class."""
    function = getattr(endpoint, "func", endpoint)
    return not (endpoint is None or isinstance(endpoint, type) or inspect.isroutine(function))


def _keys_of_leaf(leaf: Any) -> list[Key] | None:
    """What it asks for; None where nobody knows."""
    dependant, endpoint = getattr(leaf, "dependant", None), getattr(leaf, "endpoint", None)
    if dependant is not None:
        return list(_keys_of_dependant(dependant))
    if hasattr(leaf, "route_handler") or hasattr(leaf, "route_handlers"):
        return _keys_of_handlers(getattr(leaf, "route_handlers", None) or [leaf.route_handler])
    if isinstance(endpoint, type):
        methods = [getattr(endpoint, name, None) for name in dir(endpoint)]
        return [key for method in methods for key in _keys_of_function(method)]
    if endpoint is None or _is_app(endpoint):
        return None
    return list(_keys_of_function(getattr(endpoint, "func", endpoint)))


def _keys_of_dependant(dependant: Any) -> Iterator[Key]:
    """FastAPI: an endpoint, and the functions that it depends on."""
    yield from _keys_of_function(getattr(dependant, "call", None))
    for each in getattr(dependant, "dependencies", ()):
        yield from _keys_of_dependant(each)


def _keys_of_handlers(handlers: Iterable[Any]) -> list[Key] | None:
    """Litestar: the handlers of one route, and the functions that they depend on."""
    functions = [
        getattr(function, "func", function)
        for handler in handlers
        for function in (
            None if hasattr(handler, "is_mount") else handler.fn,  # an ASGI app asks by itself
            *(each.dependency for each in handler.resolve_dependencies().values()),
        )
    ]
    if not all(isinstance(each, type) or inspect.isroutine(each) for each in functions):
        return None
    return [key for function in functions for key in _keys_of_function(function)]


def _keys_of_function(function: Any) -> Iterable[Key]:
    """The keys of its `Inject[T]` parameters, from what `@inject` and the adapters note on it."""
    asks_for = getattr(function, "__lifescope_asks_for__", None)
    return () if asks_for is None else map(as_key, asks_for())
