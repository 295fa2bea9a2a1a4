"""What the endpoints of an app ask for, read from its routes when it starts.

Nothing is imported here: frameworks are recognised by the shape of their objects. Where an
app has another shape, nobody knows what it asks for, and everything counts.
"""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from lifescope._model.keys import Key, as_key

__all__ = ["entry_keys"]


class _UnknownShapeError(Exception):
    pass


def entry_keys(app: Any) -> list[Key] | None:
    """The keys that the endpoints of *app* ask for; None where its routes cannot be read."""
    keys: dict[Key, None] = {}
    try:
        for key in _keys_of_app(app, set()):
            keys[key] = None
    except _UnknownShapeError:
        return None
    return list(keys)


def _keys_of_app(app: Any, seen: set[int]) -> Iterator[Key]:
    if id(app) in seen:
        return
    seen.add(id(app))
    routes: Any = getattr(app, "routes", None)
    if hasattr(routes, "__iter__"):
        for route in routes:
            yield from _keys_of_route(route, seen)
    elif hasattr(app, "app"):  # middleware around an app
        yield from _keys_of_app(app.app, seen)
    elif type(app).__module__.partition(".")[0] not in _KNOWN:
        raise _UnknownShapeError


_KNOWN = ("starlette", "fastapi")
"""Apps of theirs without routes, such as static files, ask for nothing."""


def _keys_of_route(route: Any, seen: set[int]) -> Iterator[Key]:
    if hasattr(route, "effective_candidates"):  # FastAPI: a router that was included
        for each in route.effective_candidates():
            yield from _keys_of_route(each, seen)
        return
    dependant, endpoint = getattr(route, "dependant", None), getattr(route, "endpoint", None)
    original = getattr(route, "original_route", None)
    if dependant is not None:
        yield from _keys_of_dependant(dependant)
    if endpoint is not None:
        yield from _keys_of_endpoint(endpoint, seen)
    elif original is not None:
        yield from _keys_of_route(original, seen)
    elif hasattr(route, "app") or hasattr(route, "routes"):
        yield from _keys_of_app(route.app if hasattr(route, "app") else route, seen)
    else:
        raise _UnknownShapeError


def _keys_of_dependant(dependant: Any) -> Iterator[Key]:
    """FastAPI: an endpoint, and the functions that it depends on."""
    yield from _keys_of_function(getattr(dependant, "call", None))
    for each in getattr(dependant, "dependencies", ()):
        yield from _keys_of_dependant(each)


def _keys_of_endpoint(endpoint: Any, seen: set[int]) -> Iterator[Key]:
    """Starlette: a function, maybe a partial one, a class with methods, or an app."""
    function = getattr(endpoint, "func", endpoint)
    if isinstance(endpoint, type):
        for name in dir(endpoint):
            yield from _keys_of_function(getattr(endpoint, name, None))
    elif inspect.isroutine(function):
        yield from _keys_of_function(function)
    else:
        yield from _keys_of_app(endpoint, seen)


def _keys_of_function(function: Any) -> Iterable[Key]:
    """The keys of its `Inject[T]` parameters, from what `@inject` and the adapters note on it."""
    asks_for = getattr(function, "__lifescope_asks_for__", None)
    return () if asks_for is None else map(as_key, asks_for())
