"""What the endpoints of an app ask for, read from its routes.

Where an app has a shape that nobody knows, nobody knows what it asks for, either.
"""

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from lifescope._asgi.routes import Leaf, is_app, is_partial, leaves
from lifescope._declare.signatures import entry_of, injected_names, names_of
from lifescope._model.names import place_of, spell_callable
from lifescope._model.provider import Entry, Link
from lifescope._model.scopes import REQUEST
from lifescope._text import ROUTE
from lifescope.errors import GraphError, NeverFilledError

__all__ = ["Endpoints", "Route", "read_endpoints"]


class Route(NamedTuple):
    """What is known of one route.

    Attributes:
        name: How people call it: `GET /orders/{id}`; what cannot be read, by its function or
            class, and where it is mounted.
        entries: What asks for something: the functions that the endpoint depends on, then it.
        is_known: There is nothing else in it that could ask.
        is_own: It is the user's, and none that the framework has added.
    """

    name: str
    entries: list[Entry]
    is_known: bool
    is_own: bool


class Endpoints(NamedTuple):
    """What is known of an app.

    Attributes:
        routes: In the order of the app.
        problems: Annotations that cannot be read, and parameters that nobody fills.
    """

    routes: list[Route]
    problems: list[GraphError]

    @property
    def entries(self) -> list[Entry]:
        """The endpoints, and the functions that they depend on, which ask for something."""
        return [entry for route in self.routes for entry in route.entries]

    @property
    def are_all(self) -> bool:
        """There is nothing else that could ask."""
        return all(route.is_known for route in self.routes)


class _UnknownShapeError(Exception):
    pass


_Found = Iterator[Entry | GraphError]


def read_endpoints(app: Any) -> Endpoints:
    """The endpoints of *app*, and all that is wrong with what they ask for."""
    endpoints = Endpoints([], [])
    for leaf in leaves(app):
        entries: list[Entry] = []
        is_known = True
        try:
            for found in _entries_of_leaf(leaf):
                if isinstance(found, Entry):
                    entries.append(found)
                else:
                    endpoints.problems.append(found)
        except _UnknownShapeError:
            is_known = False
        name = _label(leaf) if is_known else _label_of_app(leaf)
        endpoints.routes.append(Route(name, entries, is_known, not _is_frameworks(leaf.route)))
    return endpoints


def _label_of_app(leaf: Leaf) -> str:
    """`serve() at /own`: what nobody can read, and where it is mounted."""
    app: Any = getattr(leaf.route, "endpoint", None) or getattr(leaf.route, "app", leaf.route)
    name = spell_callable(app) if inspect.isroutine(app) else app.__class__.__qualname__
    path = leaf.prefix or getattr(leaf.route, "path", "")
    return f"{name} at {path}" if path else name


def _is_frameworks(route: Any) -> bool:
    """Whether a framework has added it: its pages about the app itself."""
    endpoints = [getattr(route, "endpoint", None)]
    for handler in getattr(route, "route_handlers", None) or ():
        function = getattr(handler, "fn", None)
        endpoints.append(getattr(function, "func", function))
    modules = [getattr(each, "__module__", None) or "" for each in endpoints if each is not None]
    return bool(modules) and all(m.startswith(("fastapi.", "litestar.")) for m in modules)


def _entries_of_leaf(leaf: Leaf) -> _Found:
    route = leaf.route
    way = (Link(_label(leaf), None, ROUTE),)
    dependant, endpoint = getattr(route, "dependant", None), getattr(route, "endpoint", None)
    if dependant is not None:
        yield from _entries_of_dependant(dependant, way)
    elif hasattr(route, "route_handler") or hasattr(route, "route_handlers"):
        handlers = getattr(route, "route_handlers", None) or [route.route_handler]
        yield from _entries_of_handlers(handlers, way)
    elif isinstance(endpoint, type):
        for name in dir(endpoint):
            if not name.startswith("__"):
                yield from _entries_of_function(getattr(endpoint, name, None), {}, way)
    elif endpoint is None or is_app(endpoint):
        raise _UnknownShapeError
    else:
        yield from _entries_of_function(endpoint, {}, way)


def _label(leaf: Leaf) -> str:
    """`GET /orders/{id}`: how people call a route."""
    route = leaf.route
    path = getattr(route, "path_format", None) or getattr(route, "path", "")
    methods = sorted(set(getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"})
    kind = ", ".join(methods) or ("WebSocket" if "WebSocket" in type(route).__name__ else "")
    return f"{kind} {leaf.prefix}{path}".strip()


def _entries_of_dependant(dependant: Any, way: tuple[Link, ...]) -> _Found:
    """FastAPI: an endpoint, and the functions that it depends on."""
    function: Any = getattr(dependant, "call", None)
    forms: dict[str, Any] = {}
    for each in getattr(dependant, "dependencies", ()):
        name = each.name or ""
        key = getattr(each.call, "__lifescope_key__", None)
        if key is not None:  # the dependency behind an `Inject[T]`
            forms[name] = key
        else:
            link = Link(
                spell_callable(function),
                place_of(function),
                parameter=name,
                signature=names_of(function),
            )
            yield from _entries_of_dependant(each, (*way, link))
    if function is not None:
        yield from _entries_of_function(function, forms, way)


def _entries_of_function(function: Any, forms: dict[str, Any], way: tuple[Link, ...]) -> _Found:
    """What a function asks for by itself, and by *forms*, which an adapter fills."""
    by_hand: set[str] = set(function.keywords) if is_partial(function) else set()
    function = function.func if is_partial(function) else function
    if forms:
        try:
            yield dataclasses.replace(entry_of(function, forms), asked_by=way, scope=REQUEST)
        except GraphError as error:  # a name in quotes that is not there
            yield from error.problems
    if hasattr(function, "__lifescope_asks_for__"):
        yield from _noted(function, way)
    elif inspect.isroutine(function):
        names = names_of(function)
        forgotten = sorted(injected_names(function, {}) - set(forms) - by_hand, key=names.index)
        if forgotten:
            yield NeverFilledError(
                name=spell_callable(function),
                parameters=forgotten,
                place=place_of(function),
                chain=way,
                signature=names,
            )


def _entries_of_handlers(handlers: Iterable[Any], way: tuple[Link, ...]) -> _Found:
    """Litestar: the handlers of one route, and the functions that they depend on."""
    for handler in handlers:
        if hasattr(handler, "is_mount"):  # an ASGI app asks by itself
            raise _UnknownShapeError
        for each in (handler.fn, *(d.dependency for d in handler.resolve_dependencies().values())):
            function = getattr(each, "func", each)
            if not (isinstance(function, type) or inspect.isroutine(function)):
                raise _UnknownShapeError
            yield from _noted(function, way)


def _noted(function: Any, way: tuple[Link, ...]) -> _Found:
    """What `@inject` and the adapters have noted on a function."""
    asks_for = getattr(function, "__lifescope_asks_for__", None)
    try:
        for entry in () if asks_for is None else asks_for():
            yield dataclasses.replace(entry, asked_by=way, scope=REQUEST)
    except GraphError as error:  # an annotation cannot be read
        yield from error.problems
