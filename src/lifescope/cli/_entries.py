"""ENTRY on the command line: a route, an endpoint function, the app factory or the start."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lifescope._asgi.checking import Findings
from lifescope._asgi.entries import Route
from lifescope._model.provider import Entry

__all__ = ["FACTORY", "START", "Asker", "UnknownEntryError", "find"]

START = "start"
FACTORY = "factory"

_AT_MOST = 5


class Asker(NamedTuple):
    """What an ENTRY stands for.

    Attributes:
        name: START, FACTORY, a route or a function.
        entries: The functions that are filled for it, in order.
    """

    name: str
    entries: Sequence[Entry]


class UnknownEntryError(Exception):
    """There is no such entry point, or more than one; the text says which there are."""


def find(findings: Findings, text: str) -> Asker:
    """What *text* stands for.

    Raises:
        UnknownEntryError: Nothing is called like that, or several are.
    """
    factory = [findings.factory] if findings.factory is not None else []
    if text in (START, FACTORY):
        return Asker(text, factory)
    if not findings.is_read:
        raise UnknownEntryError(findings.notes[0])
    routes = [route for route in findings.routes if _is_route(text, route)]
    if len(routes) == 1:
        return Asker(routes[0].name, routes[0].entries)
    if not routes:
        if found := _function(findings, text.removesuffix("()")):
            return found
        if factory and _is_called(text.removesuffix("()"), factory[0]):
            return Asker(FACTORY, factory)
        raise UnknownEntryError(
            _listed(f'no entry point is called "{text}"', _near(findings, text))
        )
    raise UnknownEntryError(_listed(f'"{text}" may be', [route.name for route in routes]))


def _is_route(text: str, route: Route) -> bool:
    """Whether *text* is its path, maybe behind one of its methods."""
    methods, _, path = route.name.rpartition(" ")
    method, _, wanted = text.strip().rpartition(" ")
    if wanted != path:
        return False
    return not method or method.lower() in [m.lower() for m in [methods, *methods.split(", ")]]


def _function(findings: Findings, name: str) -> Asker | None:
    """The only route that has the function; or the function alone, if several have it."""
    having = [
        (route, [entry for entry in route.entries if _is_called(name, entry)])
        for route in findings.routes
    ]
    having = [(route, entries) for route, entries in having if entries]
    if len(having) == 1:
        [(route, _)] = having
        return Asker(route.name, route.entries)
    functions = {(e.name, e.place): e for _, entries in having for e in entries}
    if len(functions) > 1:
        raise UnknownEntryError(_listed(f'"{name}" may be', [route.name for route, _ in having]))
    return Asker(f"{name}()", list(functions.values())) if functions else None


def _is_called(name: str, entry: Entry) -> bool:
    full = entry.name.removesuffix("()")
    return full == name or full.endswith(f".{name}")


def _near(findings: Findings, text: str) -> list[str]:
    import difflib

    names = [route.name for route in findings.routes if route.is_own]
    names += [entry.name for entry in findings.entries]
    holding = [name for name in names if text.lower() in name.lower()]
    return list(dict.fromkeys([*difflib.get_close_matches(text, names, 3, 0.5), *holding])) or [
        START,
        FACTORY,
        *names,
    ]


def _listed(before: str, names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    joined = "; ".join(every[:_AT_MOST]) + ("; ..." if len(every) > _AT_MOST else "")
    return f"{before}: {joined}" if before.endswith("may be") else f"{before}; there is {joined}"
