"""What is known of an app before it starts: its entry points, and what is wrong with them.

No provider is called for it, and no lifespan is run.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lifescope import errors
from lifescope._asgi.entries import Route, read_endpoints
from lifescope._asgi.factories import AppFactory, NotAloneError
from lifescope._asgi.protocol import AsgiApp
from lifescope._graph.unused import asking_for_anything, unused
from lifescope._graph.validate import merge
from lifescope._inject import injected_functions
from lifescope._model.provider import Entry, Provider
from lifescope._runtime.engine import Engine

__all__ = ["Findings", "check_routes", "examine", "with_graph"]


class Findings(NamedTuple):
    """What `lifescope check` finds.

    Attributes:
        problems: What would refuse the start, or a request.
        warnings: What looks forgotten.
        notes: What could not be looked at, and why; each is a sentence or two.
        name: The app factory, or the app, as the user calls it.
        factory: What the app factory asks for; None if there is only an app.
        routes: Of the app, as far as they can be read.
        is_read: The app could be had, and its routes read.
    """

    problems: tuple[errors.GraphError, ...]
    warnings: tuple[errors.UnusedProviderError, ...]
    notes: tuple[str, ...]
    name: str
    factory: Entry | None
    routes: tuple[Route, ...]
    is_read: bool

    @property
    def entries(self) -> list[Entry]:
        """Who asks: the app factory, and each endpoint once, in the order of the routes."""
        factory = [self.factory] if self.factory is not None and self.factory.parameters else []
        asking = [*factory, *(entry for route in self.routes for entry in route.entries)]
        return list({(e.name, e.place, e.parameters): e for e in reversed(asking)}.values())[::-1]


def check_routes(engine: Engine, app: AsgiApp) -> list[Provider]:
    """What the endpoints of *app* ask for; maybe anything, where they are not known.

    Raises:
        GraphError: Something is wrong with what they ask for; it has all of that.
    """
    endpoints = read_endpoints(app)
    asked_for, problems = engine.check_endpoints(endpoints.entries)
    if found := merge([*endpoints.problems, *problems]):
        raise with_graph(engine, found)
    return asked_for if endpoints.are_all else engine.roots()


def with_graph(engine: Engine, problems: Sequence[errors.GraphError]) -> errors.GraphError:
    """One error for *problems*, with the graph for a drawing."""
    error = errors.GraphError.of(problems)
    error.graph = dataclasses.replace(engine.graph, problems=tuple(problems))
    return error


def examine(engine: Engine, app_factory: AppFactory) -> Findings:
    """Everything that can be known without starting the app.

    Raises:
        Exception: What the user's app factory raises.
    """
    problems: list[errors.GraphError] = []
    notes: list[str] = []
    factory: Entry | None = None
    routes: list[Route] = []
    is_read = are_all = False
    try:
        factory = app_factory.entry()
        app_factory.check(engine)
        endpoints = read_endpoints(app_factory.call_alone(engine))
    except errors.GraphError as error:
        problems += error.problems
        notes.append("the routes were not checked, as the app cannot be made")
    except NotAloneError as reason:
        notes.append(f"the routes were not checked, as {reason}; they are when the app starts")
    else:
        is_read = True
        routes = endpoints.routes
        _, wrong = engine.check_endpoints(endpoints.entries)
        problems += merge([*endpoints.problems, *wrong])
        notes += _unread(routes)
        are_all = endpoints.are_all and not problems
    asking = [*([factory] if factory else []), *(e for route in routes for e in route.entries)]
    warnings: list[errors.UnusedProviderError] = []
    if are_all and (open_ended := asking_for_anything(engine.graph, asking)):
        are_all = False
        notes.append(
            f"unused providers were not looked for, as {open_ended[0].name} can ask its open "
            f"scope for anything"
        )
    if are_all:
        warnings = unused(engine.graph, [*asking, *injected_functions()])
    return Findings(
        problems=tuple(problems),
        warnings=tuple(warnings),
        notes=tuple(notes),
        name=app_factory.name,
        factory=factory,
        routes=tuple(routes),
        is_read=is_read,
    )


def _unread(routes: Iterable[Route]) -> list[str]:
    unread = [route.name for route in routes if not route.is_known]
    return [
        f"{name} cannot be read: what it asks for is found out when it asks"
        for name in dict.fromkeys(unread)
    ]
