"""The generated code of the plans of an entry point."""

import inspect
from collections.abc import Iterator

from lifescope._graph.validate import check_entry
from lifescope._model.provider import Entry, Kind, Provider
from lifescope._model.scopes import CALL, REQUEST
from lifescope._plan.planner import plan_entry, plan_provider
from lifescope._runtime.filling import Filler
from lifescope.cli._entries import FACTORY, START, Asker
from lifescope.cli._loading import Target

__all__ = ["sources"]


def sources(target: Target, asker: Asker) -> Iterator[str]:
    """The functions that make what *asker* asks for; what the start has made, they only read."""
    if asker.name == START:
        for provider in target.at_start():
            yield _of_provider(target, provider, target.engine.graph.scopes.widest)
        return
    shown: dict[str, None] = {}
    for entry in asker.entries:
        shown |= dict.fromkeys(_of_entry(target, entry, _scope_of(target, asker, entry)))
    yield from shown


def _scope_of(target: Target, asker: Asker, entry: Entry) -> str:
    """Where it is filled: in a request, maybe in a call there."""
    if asker.name == FACTORY:
        return target.engine.graph.scopes.widest
    return CALL if Filler(target.engine, entry).opens(REQUEST) else REQUEST


def _of_entry(target: Target, entry: Entry, scope: str) -> Iterator[str]:
    """The function for *entry*, and those of the scopes around that it calls."""
    engine = target.engine
    plan = plan_entry(engine.graph, engine.slots, entry, check_entry(engine.graph, entry), scope)
    yield inspect.getsource(engine.compile(plan, engine.mode_of(scope)))
    for step in plan.all_steps:
        home = step.provider.scope
        is_made = step.provider.kind not in (Kind.SUPPLIED, Kind.VALUE)
        if step.hops and is_made and home != engine.graph.scopes.widest:
            yield _of_provider(target, step.provider, home)


def _of_provider(target: Target, provider: Provider, scope: str) -> str:
    engine = target.engine
    plan = plan_provider(engine.graph, engine.slots, provider, scope)
    return inspect.getsource(engine.compile(plan, engine.mode_of(scope)))
