"""`lifescope explain`: all about one key, or about one kind of error."""

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

from lifescope import _text, errors
from lifescope._model.provider import Entry, Parameter, Provider
from lifescope._model.scopes import TRANSIENT
from lifescope.cli._keys import Found, UnknownKeyError, find
from lifescope.cli._loading import Target, add_app, find_here, load, load_target, refuse
from lifescope.cli._order import acquired, released
from lifescope.cli._tables import block, columns, how, made_by, numbered, where
from lifescope.cli._terminal import has_colours, write
from lifescope.cli._ways import ways_to
from lifescope.render._drawing import draw_up
from lifescope.render._tree import write as write_tree

__all__ = ["add_to"]

_WAYS = 6
"""Of more ways to a provider, the longest are left out."""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    explain = commands.add_parser(
        "explain",
        help="say all about one key, or about one kind of error",
        description="Say who provides a key, in which scope, what it needs, who needs it, and "
        "what is acquired before it and released after it. With nothing but the code of an "
        "error, print the page about that error.",
        epilog='A KEY is written as in an annotation: Session, shop.orders.Orders, "list[Rule]", '
        "Engine:replica for one with a name; or it is the name of a provider's function.",
    )
    add_app(explain, text="module:app | CODE")
    explain.add_argument("key", nargs="?", metavar="KEY", help="what to explain")
    explain.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> int:
    if options.key is None:
        write(_page(options.app))
        return 0
    find_here(options.app_dir)
    target = load(options.app, load_target)
    entries = [] if target.findings is None else target.findings.entries
    try:
        found = find(target.engine.graph, entries, options.key)
    except UnknownKeyError as error:
        refuse(str(error))
    style = _text.COLOUR if has_colours(sys.stdout) else _text.PLAIN
    write(_text.join(style.paint("title", str(found.key)), *_blocks(target, found)))
    return 0


def _page(code: str) -> str:
    """The page about an error; while there is none, what its class says of itself."""
    wanted = code.upper()
    if not re.fullmatch(r"LS[0-9]+", wanted):
        refuse(f'which key of "{code}"? lifescope explain module:app KEY, or the code of an error')
    try:
        return errors.page(wanted)
    except LookupError:
        for name in errors.__all__:
            cls = getattr(errors, name)
            if getattr(cls, "code", "") == wanted:
                return f"# {wanted}: {name}\n\n{inspect.cleandoc(cls.__doc__ or '')}"
        refuse(f"there is no error with the code {wanted}")


# --- what is said of a key ------------------------------------------------------------------


def _blocks(target: Target, found: Found) -> Iterator[str]:
    graph = target.engine.graph
    yield "\n".join(columns(_facts(target, found)))
    yield block("Wrapped by, the outermost last:", columns(_decorators(target, found)))
    is_there = found.passed in (*graph.declared, *graph.providers)
    # What follows from a key is drawn if somebody asks for it.
    asking = [] if is_there else [Entry(str(found.key), (Parameter("", found.key),))]
    tree = write_tree(draw_up(graph, asking, below=found.passed))
    if "\n" in tree.rstrip():
        yield block("Needs:", [f"  {line}" for line in tree.rstrip().split("\n")])
    ways = ways_to(target, found.passed)
    shown = [(way.start, " > ".join(way.steps)) for way in ways if way.steps]
    lines = columns(row if row[0] else row[1:] for row in shown[:_WAYS])
    if len(shown) > _WAYS:
        lines.append(f"  and {len(shown) - _WAYS:,} more")
    yield block("Needed by:", lines or ["  nothing that is known"])
    made = acquired(graph, [found.passed])
    yield block(
        "Acquired for it, in this order, where it is not there yet:", numbered(map(made_by, made))
    )
    gone = released(graph, made)
    yield block("Released at the end of each scope, in this order:", numbered(map(made_by, gone)))


def _facts(target: Target, found: Found) -> Iterator[tuple[str, str]]:
    graph, provider = target.engine.graph, found.provider
    widest = graph.scopes.widest
    yield "provider", where(provider)
    others = [str(key) for key in provider.keys if key != found.key]
    if others and not provider.many:
        yield "also as", ", ".join(others)
    if provider.many:
        yield "part of", _text.keys(provider)
    yield "scope", provider.scope
    if (driven := how(provider, widest)) != where(provider):
        yield "how", driven
    yield "made", _when(target, provider)
    if provider.kind.has_release:
        yield "released", f'when the scope "{provider.scope}" ends'
    limits = {"start_timeout": provider.start_timeout, "stop_timeout": provider.stop_timeout}
    if told := [f"{name}={limit:g}" for name, limit in limits.items() if limit is not None]:
        yield "limits", ", ".join(told)
    if any(key in graph.overridden for key in provider.keys):
        yield "override", "in force: this is the replacement"


def _when(target: Target, provider: Provider) -> str:
    widest = target.engine.graph.scopes.widest
    if provider.scope == TRANSIENT:
        return "anew for every parameter"
    if provider.scope != widest or provider.kind.is_derived:
        return "when it is first asked for"
    if provider.eager is True:
        return "when the app starts (eager=True)"
    if provider.eager is False:
        return "when it is first asked for (eager=False)"
    if target.findings is None:
        return "when it is first asked for; by a root, when the app starts"
    if provider in target.at_start():
        return "when the app starts, as it is asked for"
    return "when it is first asked for"


def _decorators(target: Target, found: Found) -> list[tuple[str, str]]:
    """Those between the provider and whoever asks."""
    graph = target.engine.graph
    layers: list[Provider] = []
    layer = graph.find(found.key)
    while layer is not None and layer is not found.provider:
        layers.append(layer)
        wrapped = [e.provider for e in graph.needs(layer) if e.parameter.key in layer.keys]
        layer = wrapped[0] if layer.decorate and wrapped else None
    if layer is None:  # it is no base: a contribution, say
        return []
    return [(each.scope, where(each)) for each in reversed(layers)]
