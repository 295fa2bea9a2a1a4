"""From the sources of a container to declarations, in the order in which they were given."""

import types
from collections.abc import Iterable, Iterator
from typing import Any, cast

from lifescope import errors
from lifescope._declare.decorator import MARK
from lifescope._declare.kinds import read_declaration
from lifescope._model.keys import Key
from lifescope._model.names import place_of, spell_callable
from lifescope._model.provider import Declaration, Provider

__all__ = ["collect", "declaration_of", "read", "values_of"]


def collect(sources: Iterable[Any]) -> tuple[list[Declaration], list[errors.GraphError]]:
    """Every declaration in *sources*, each once, and what is wrong with the sources.

    A source is a marked function or class, what `provider(...)` or `supplied(...)` returned,
    a module (its marked members), another container, or an iterable of sources.
    """
    declarations: dict[int, Declaration] = {}
    problems: list[errors.GraphError] = []
    for found in _walk(sources):
        if isinstance(found, Declaration):
            declarations.setdefault(id(found), found)
        else:
            problems.append(found)
    return list(declarations.values()), problems


def values_of(sources: Iterable[Any]) -> dict[Key, Any]:
    """The ready objects of the containers among *sources*."""
    values: dict[Key, Any] = {}
    for source in sources:
        if hasattr(source, "__lifescope_values__"):
            values |= source.__lifescope_values__
        elif declaration_of(source) is None and isinstance(source, list | tuple | set | frozenset):
            values |= values_of(source)  # pyright: ignore[reportUnknownArgumentType]
    return values


def read(declarations: Iterable[Declaration]) -> tuple[list[Provider], list[errors.GraphError]]:
    """The providers that *declarations* describe, and what is wrong with them."""
    providers: list[Provider] = []
    problems: list[errors.GraphError] = []
    for declaration in declarations:
        provider, wrong = read_declaration(declaration)
        problems += wrong
        if provider is not None:
            providers.append(provider)
    return providers, problems


def declaration_of(source: Any) -> Declaration | None:
    """The declaration that *source* is, or carries; a mark is not inherited by subclasses."""
    if isinstance(source, Declaration):
        return source
    own = getattr(source, "__dict__", {})
    return cast("Declaration | None", own.get(MARK))


def _walk(sources: Iterable[Any]) -> Iterator[Declaration | errors.GraphError]:
    for source in sources:
        declaration = declaration_of(source)
        if declaration is not None:
            yield declaration
        elif isinstance(source, types.ModuleType):
            yield from _members(source)
        elif hasattr(source, "__lifescope_declarations__"):
            yield from source.__lifescope_declarations__
        elif isinstance(source, Iterable) and not isinstance(source, str | bytes | type):
            yield from _walk(iter(source))  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield _not_a_source(source)


def _members(module: types.ModuleType) -> Iterator[Declaration | errors.GraphError]:
    found = [declaration_of(member) for member in vars(module).values()]
    marked = [declaration for declaration in found if declaration is not None]
    if not marked:
        yield errors.InvalidProviderError(
            name=f"module {module.__name__}",
            reason="has nothing that is marked with @provider",
            fix="mark its functions and classes, or leave it out of the container.",
        )
    yield from marked


def _not_a_source(source: Any) -> errors.InvalidProviderError:
    if not callable(source):
        name = type(source).__qualname__.rpartition("<locals>.")[2]
        return errors.InvalidProviderError(
            name="None" if source is None else f"an object of type {name}",
            reason="is not a provider",
            fix="hand ready objects in with Container(..., values={Key: object}).",
        )
    name = spell_callable(source).removesuffix("()")
    return errors.InvalidProviderError(
        name=spell_callable(source),
        reason="is not a provider",
        place=place_of(source),
        fix=f"mark it with @provider(scope=...), or pass provider({name}, scope=...) instead.",
    )
