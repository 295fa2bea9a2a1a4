"""From the sources of a container to declarations, in the order in which they were given."""

import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any, cast

from lifescope import errors
from lifescope._declare.arguments import kind_of
from lifescope._declare.decorator import MARK
from lifescope._declare.kinds import read_declaration
from lifescope._model.keys import Key
from lifescope._model.names import Place, at, is_foreign, place_of, spell_callable
from lifescope._model.provider import Declaration, Provider
from lifescope._model.scopes import TRANSIENT

__all__ = ["collect", "declaration_of", "read", "values_of"]


def collect(
    sources: Iterable[Any], place: Place | None = None
) -> tuple[list[Declaration], list[errors.GraphError]]:
    """Every declaration in *sources*, each once, and what is wrong with the sources.

    A source is a marked function or class, what `provider(...)` or `supplied(...)` returned,
    a module (its marked members), another container, or an iterable of sources. *place* is
    where the container is made of them.
    """
    declarations: dict[int, Declaration] = {}
    problems: list[errors.GraphError] = []
    for found in _walk(sources, place):
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


def _walk(sources: Iterable[Any], place: Place | None) -> Iterator[Declaration | errors.GraphError]:
    for source in sources:
        declaration = declaration_of(source)
        if declaration is not None:
            yield declaration
        elif isinstance(source, types.ModuleType):
            yield from _members(source, place)
        elif hasattr(source, "__lifescope_declarations__"):
            yield from source.__lifescope_declarations__
        elif isinstance(source, Iterable) and not isinstance(source, str | bytes | type):
            yield from _walk(iter(source), place)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield _not_a_source(source, place)
            yield from _meant(source)


def _members(
    module: types.ModuleType, place: Place | None
) -> Iterator[Declaration | errors.GraphError]:
    found = [declaration_of(member) for member in vars(module).values()]
    marked = [declaration for declaration in found if declaration is not None]
    if not marked:
        yield errors.InvalidProviderError(
            name=f"module {module.__name__}",
            reason="has nothing that is marked with @provider",
            place=place,
            fixes=[
                f"leave it out of Container(...){at(place)}.",
                "mark its functions and classes with @provider.",
            ],
        )
    yield from marked


def _meant(source: Any) -> Iterator[Declaration]:
    """What *source* would be with a mark, so that nobody is told that it is missing, too."""
    if isinstance(source, type) or inspect.isroutine(source):
        declaration = Declaration(source, TRANSIENT, place=place_of(source))
        provider, problems = read_declaration(declaration)
        if provider is not None and not problems:
            yield declaration


def _not_a_source(source: Any, place: Place | None) -> errors.InvalidProviderError:
    if not callable(source):
        return errors.InvalidProviderError(
            name=kind_of(source),
            reason="is not a provider",
            place=place,
            fixes=[f"hand ready objects in: Container(..., values={{Key: object}}){at(place)}."],
        )
    name = spell_callable(source).removesuffix("()")
    fixes = [
        f"mark it with @provider(scope=...){at(place_of(source))}.",
        f"pass provider({name}, scope=...) instead of {name} to Container(...){at(place)}.",
    ]
    return errors.InvalidProviderError(
        name=spell_callable(source),
        reason="is not a provider",
        place=place_of(source),
        fixes=fixes[::-1] if is_foreign(source) else fixes,
    )
