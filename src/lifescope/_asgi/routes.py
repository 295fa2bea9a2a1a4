"""The routes of an app, as far as they can be read.

Nothing is imported here: frameworks are recognised by the shape of their objects.
"""

import inspect
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

__all__ = ["Leaf", "is_app", "is_partial", "leaves"]

_KNOWN = ("starlette", "fastapi")
"""Apps of theirs without routes, such as static files, ask for nothing."""


class Leaf(NamedTuple):
    """What is at the end of a route.

    Attributes:
        route: An object with the attribute `app`, which serves the route, or just an app. Those
            of FastAPI have a `dependant`, too, and those of Starlette at least an `endpoint`.
        prefix: Of its path, where it is below others.
    """

    route: Any
    prefix: str


def leaves(app: Any) -> Iterator[Leaf]:
    """The leaves of the routes of *app*, itself if it has none."""
    return _leaves_of_app(app, Leaf(app, ""), set())


def _leaves_of_app(app: Any, holder: Leaf, seen: set[int]) -> Iterator[Leaf]:
    if id(app) in seen:
        return
    seen.add(id(app))
    routes: Any = getattr(app, "routes", None)
    if hasattr(routes, "__iter__"):
        for route in routes:
            yield from _leaves_of_route(Leaf(route, holder.prefix), seen)
    elif hasattr(app, "app"):  # middleware around an app
        yield from _leaves_of_app(app.app, Leaf(app, holder.prefix), seen)
    elif type(app).__module__.partition(".")[0] not in _KNOWN:
        yield holder  # nobody knows all that it does, but what it holds is worth knowing
        for each in _apps_held_by(app):
            yield from _leaves_of_app(each, Leaf(each, holder.prefix), seen)


def _apps_held_by(app: Any) -> Iterator[Any]:
    """What middleware of the user's own is around, whatever its attribute is called."""
    parts: list[Any] = [getattr(app, "__self__", None)]
    if is_partial(app):
        parts += [app.func, *app.args, *app.keywords.values()]
    attributes: dict[str, Any] = getattr(app, "__dict__", {})
    parts += attributes.values()
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # it is empty
            parts.append(cell.cell_contents)
    for part in parts:
        call = getattr(part.__class__, "__call__", None)  # noqa: B004
        if inspect.iscoroutinefunction(part) or inspect.iscoroutinefunction(call):
            yield part


def _leaves_of_route(leaf: Leaf, seen: set[int]) -> Iterator[Leaf]:
    route, prefix = leaf
    starlette_route = getattr(route, "starlette_route", None)
    endpoint = getattr(route, "endpoint", None)
    if hasattr(route, "effective_candidates"):  # FastAPI: a router that was included
        for each in route.effective_candidates():
            yield from _leaves_of_route(Leaf(each, prefix), seen)
    elif starlette_route is not None:  # FastAPI: a route of such a router
        yield from _leaves_of_route(Leaf(starlette_route, prefix), seen)
    elif is_app(endpoint) and getattr(route, "dependant", None) is None:
        yield from _leaves_of_app(endpoint, leaf, seen)
    elif endpoint is not None:
        yield leaf
    elif hasattr(route, "app"):  # a mounted app
        below = Leaf(route, prefix + getattr(route, "path", ""))
        yield from _leaves_of_app(route.app, below, seen)
    elif hasattr(route, "routes"):
        yield from _leaves_of_app(route, leaf, seen)
    else:
        yield leaf


def is_partial(function: Any) -> bool:
    """Whether it is a `functools.partial`; whatever else has a `func`, is none."""
    return isinstance(function, partial)


def is_app(endpoint: Any) -> bool:
    """Whether *endpoint* is neither a function, maybe a partial one, nor a class."""
    function = endpoint.func if is_partial(endpoint) else endpoint
    return not (endpoint is None or isinstance(endpoint, type) or inspect.isroutine(function))
