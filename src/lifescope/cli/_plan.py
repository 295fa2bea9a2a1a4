"""`lifescope plan module:app ENTRY`: what is acquired for it, and released, in which order."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lifescope import _text
from lifescope._model.provider import Entry, Provider
from lifescope._model.scopes import CALL, REQUEST, TRANSIENT
from lifescope.cli._entries import FACTORY, START, Asker, UnknownEntryError, find
from lifescope.cli._loading import Target, add_app, find_here, load, load_target, refuse
from lifescope.cli._order import acquired, released
from lifescope.cli._source import sources
from lifescope.cli._tables import block, columns, how_in_short, made_by, numbered
from lifescope.cli._terminal import has_colours, write
from lifescope.render._names import spell_place

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    plan = commands.add_parser(
        "plan",
        help="say what one entry point acquires and releases, in order",
        description="Say what a request to one route acquires, what is there already, and what "
        "is released, in which order.",
        epilog='An ENTRY is a route ("GET /orders/{id}", or just its path where that is unique), '
        'the name of an endpoint function, "factory" or "start".',
    )
    add_app(plan)
    plan.add_argument("entry", metavar="ENTRY", help="whose plan it is")
    plan.add_argument("--source", action="store_true", help="show the generated code, too")
    plan.set_defaults(command=_plan)


def _plan(options: argparse.Namespace) -> int:
    find_here(options.app_dir)
    target = load(options.app, load_target)
    if target.root is None or target.findings is None:
        refuse(f'"{options.app}" is a container: name what container.asgi() returned')
    if (error := target.root.error_of(target.findings)) is not None:
        raise error
    try:
        asker = find(target.findings, options.entry)
    except UnknownEntryError as unknown:
        refuse(str(unknown))
    style = _text.COLOUR if has_colours(sys.stdout) else _text.PLAIN
    is_start = asker.name in (START, FACTORY)
    blocks = _of_start(target, asker) if is_start else _of_request(target, asker)
    title = style.paint("title", asker.name)
    code = sources(target, asker) if options.source else ()
    write(_text.join(title, *blocks, *code))
    return 0


# --- the start ------------------------------------------------------------------------------


def _of_start(target: Target, asker: Asker) -> Iterator[str]:
    for_factory, for_routes = target.start()
    assert target.findings is not None
    name = target.findings.name
    yield _asks(asker.entries)
    lines = numbered(_rows(for_factory))
    yield block(f"Made before {name} is called, in this order:", lines) or (
        f"Nothing is made before {name} is called."
    )
    if asker.name == FACTORY:
        return
    unread = "" if target.findings.is_read else " (which are not known here: whatever they may)"
    lines = numbered(_rows(for_routes), len(for_factory) + 1)
    yield block(f"Made then, as the routes ask for it{unread}, in this order:", lines)
    gone = released(target.engine.graph, [*for_factory, *for_routes])
    yield block("Released when the app stops, in this order:", numbered(map(made_by, gone)))


# --- a request ------------------------------------------------------------------------------


def _of_request(target: Target, asker: Asker) -> Iterator[str]:
    graph = target.engine.graph
    roots = target.engine.check_endpoints(asker.entries)[0]
    if not roots:
        yield "It asks for nothing, so nothing is acquired for it."
        return
    yield _asks(asker.entries)
    made, at_start = acquired(graph, roots), set(target.at_start())
    there = [p for p in made if p.scope == graph.scopes.widest]
    ready, first = [p for p in there if p in at_start], [p for p in there if p not in at_start]
    own = [p for p in made if p not in there]
    yield block("There since the app has started:", columns(map(made_by, ready)))
    yield block("Made for the first request that asks, and kept:", columns(map(made_by, first)))
    yield block("Acquired, in this order:", numbered(_rows(own)))
    gone = released(graph, own)
    yield block("Released, in this order:", numbered((*made_by(p), _moment(p)) for p in gone))
    later = [p for p in graph.needed(roots) if p.leads_to is not None]
    yield block("Asked for later:", columns((str(p.key), p.kind.value) for p in later))


_MOMENTS = {
    CALL: "when the endpoint has returned",
    REQUEST: "at the end of the request",
    TRANSIENT: "with what it was made for",
}


def _moment(provider: Provider) -> str:
    return _MOMENTS.get(provider.scope, f'when the scope "{provider.scope}" ends')


# --- both -----------------------------------------------------------------------------------


def _asks(entries: Sequence[Entry]) -> str:
    rows = [
        (f"{entry.name.removesuffix('()')}({parameter.name})", str(parameter.key), place)
        for entry in entries
        for place in [spell_place(entry.place)]
        for parameter in entry.parameters
    ]
    return block("Asks for:", columns(rows))


def _rows(providers: Iterable[Provider]) -> list[tuple[str, ...]]:
    return [(*made_by(p), spell_place(p.place), how_in_short(p)) for p in providers]
