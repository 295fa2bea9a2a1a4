"""What is close to a key that nothing provides, as data."""

import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, cast, get_args, get_origin

from lifescope._declare.annotations import without_none
from lifescope._declare.decorator import MARK, known
from lifescope._declare.kinds import read_declaration
from lifescope._graph.generics import pattern_of
from lifescope._graph.makeable import Offered
from lifescope._model.keys import Key
from lifescope._model.names import Place, place_of, spell, unwrap
from lifescope._model.provider import Declaration, Nearness, Provider, Suggestion

__all__ = ["suggest"]

_AT_MOST = 3

_SHORTEST = 4
_ALIKE = 0.75
_DIGITS = "0123456789"

_ORDER = list(Nearness)
"""The closest first."""


def suggest(
    key: Key,
    providers: Sequence[Provider],
    container: Place | None = None,
    parameter: str = "",
    *,
    unmarked: bool = True,
) -> list[Suggestion]:
    """At most three providers whose keys are close to *key*, the closest first.

    Args:
        key: What is missing.
        providers: What is there.
        container: Where the container is made.
        parameter: The one through which it was asked for.
        unmarked: Look for functions that could be providers, too.
    """
    import difflib  # only where something is wrong already

    found = [
        *_left_out(key, providers, container),
        *(_unmarked(key, providers) if unmarked else ()),
    ]
    is_alike = _alike_to(spell(key.form))
    for provider in providers:
        if provider.decorate:
            continue
        rated = [n for other in provider.keys if (n := _nearness(key, other, provider, is_alike))]
        if _has_field(provider, parameter, key):
            rated.append(Nearness.FIELD)
        if rated:
            nearness = min(rated, key=_ORDER.index)
            source = _bounds(provider) if nearness is Nearness.BOUND else ""
            found.append(Suggestion(provider, nearness, source))

    def rank(each: Suggestion) -> tuple[int, float]:
        # Of several names the one that may be misspelled here.
        name, is_other = each.provider.key.name, each.nearness is Nearness.OTHER_NAME
        alike = difflib.SequenceMatcher(None, key.name or "", name or "").ratio() if is_other else 0
        return _ORDER.index(each.nearness), -alike

    return sorted(found, key=rank)[:_AT_MOST]


# --- what is not in the container -------------------------------------------------------------


def _left_out(key: Key, providers: Sequence[Provider], container: Place | None) -> list[Suggestion]:
    """What is declared somewhere in the program and provides *key*, but was not given."""
    if not _is_own(key):
        return []
    given = {id(unwrap(provider.target)) for provider in providers}
    there: list[Provider] = []
    declarations: dict[int, Declaration] = {}
    for declaration in known():
        if id(unwrap(declaration.target)) not in given and _may_provide(declaration, key):
            provider, _ = read_declaration(declaration)
            if provider is not None:
                there.append(provider)
                declarations[id(provider)] = declaration
    fitting = [p for p in there if key in p.keys and not p.decorate and not p.many]
    fitting.sort(key=lambda p: (p.place.file, p.place.line) if p.place else ("", 0))
    sources = [(p, _source(declarations[id(p)], given, container)) for p in fitting]
    return [Suggestion(p, Nearness.LEFT_OUT, source) for p, source in sources if source]


def _is_own(key: Key) -> bool:
    """Whether a class is asked for that says what it is for."""
    cls = get_origin(key.form) or key.form
    return isinstance(cls, type) and cls.__module__ != "builtins"


def _may_provide(declaration: Declaration, key: Key) -> bool:
    """Whether it is worth while to read it: it names the class, in whatever way."""
    if declaration.supplied:
        return False
    name = spell(get_origin(key.form) or key.form).rpartition(".")[2]
    target = declaration.target
    annotation = getattr(target, "__annotations__", {}).get("return", "")
    return target is key.form or name in f"{declaration.provides}{annotation}"


def _source(declaration: Declaration, given: Collection[int], container: Place | None) -> str:
    """What to pass to a container to pass *declaration*: itself, its module, the list it is in.

    The module, if it has several and none of them is *given*. A record that is in no list of a
    module is nothing that somebody could have forgotten: the text is empty.
    """
    name = spell(declaration.target)
    file = declaration.said_at.file if declaration.said_at else ""
    is_marked = getattr(declaration.target, "__dict__", {}).get(MARK) is declaration
    for module in _modules({file}):
        short = module.__name__.rpartition(".")[2]
        is_here = container is not None and container.file == file
        if is_marked:
            # Other members may be proxies that go wrong when they are looked at.
            members = [m for m in vars(module).values() if isinstance(m, type | types.FunctionType)]
            marked: list[Any] = [member for member in members if MARK in vars(member)]
            is_there = any(member is declaration.target for member in marked)
            is_used = any(id(unwrap(member)) in given for member in marked)
            is_whole = is_there and len(marked) > 1 and not (is_used or is_here)
            return short if is_whole else name
        for variable, held in vars(module).items():
            if isinstance(held, list | tuple) and any(m is declaration for m in _items(held)):
                return variable if is_here else f"{short}.{variable}"
    return name if is_marked else ""


def _items(held: Any) -> Iterable[Any]:
    return cast("Iterable[Any]", held)


def _unmarked(key: Key, providers: Sequence[Provider]) -> list[Suggestion]:
    """Functions that return it, beside those that are in the container, but have no mark."""
    if not _is_own(key) or key.name is not None:
        return []
    offered = Offered(providers)
    suggestions: dict[Any, Suggestion] = {}
    for function in _functions({p.said_at.file for p in providers if p.said_at}):
        declaration = Declaration(function, "", place=place_of(function))
        if function in suggestions or not _may_provide(declaration, key):
            continue
        provider, problems = read_declaration(declaration)
        if provider and not problems and key in provider.keys and offered.fills(provider):
            suggestions[function] = Suggestion(provider, Nearness.UNMARKED)
    return list(suggestions.values())


def _functions(files: Collection[str]) -> Iterator[types.FunctionType]:
    """The functions that the modules in *files* have or import, and that are not marked."""
    for module in _modules(files):
        for member in list(vars(module).values()):
            if isinstance(member, types.FunctionType) and MARK not in vars(member):
                yield member


def _modules(files: Collection[str]) -> Iterator[types.ModuleType]:
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get("__file__") in files:  # imports nothing lazily
            yield module


# --- what is in it ----------------------------------------------------------------------------


def _nearness(
    wanted: Key, offered: Key, provider: Provider, is_alike: Callable[[str], bool]
) -> Nearness | None:
    """How *offered* is close to *wanted*; None if it is not."""
    if wanted.form == offered.form:
        if wanted == offered and not provider.many:
            return Nearness.RELATED  # Repo[T], for which nobody can ask
        return Nearness.LISTED if provider.many else Nearness.OTHER_NAME
    if without_none(offered.form) == (wanted.form, True) and wanted.name == offered.name:
        return Nearness.OPTIONAL
    is_plain = wanted.name is None and isinstance(offered.form, type) and wanted.form is not object
    if is_plain and wanted.form in (provider.result, provider.target):
        return Nearness.OTHER_TYPE
    related = _related(wanted.form, offered.form, provider)
    if related is not None:
        return related
    ours, theirs = spell(wanted.form), spell(offered.form)
    if ours == theirs:
        return Nearness.SPELLED_ALIKE
    return Nearness.SIMILAR if _is_similar(ours, theirs, is_alike) else None


def _related(wanted: Any, offered: Any, provider: Provider) -> Nearness | None:
    """One is a subclass of the other, or both are forms of one generic class."""
    first, second = get_origin(wanted) or wanted, get_origin(offered) or offered
    if not (isinstance(first, type) and isinstance(second, type)) or object in (first, second):
        return None
    if first is second:
        is_pattern = get_args(wanted) and pattern_of(provider) is not None
        return Nearness.BOUND if is_pattern else Nearness.RELATED
    if first in second.__mro__:
        return Nearness.SUBCLASS
    if second in first.__mro__:
        return Nearness.BASE
    return Nearness.PROTOCOL if _has_members(second, first) else None


def _bounds(provider: Provider) -> str:
    """For which types an open generic is: those that are, or derive from, its bounds."""
    pattern = pattern_of(provider)
    variables: Any = getattr(pattern.key.form if pattern else None, "__parameters__", ())
    bounds = [each for v in variables for each in (v.__constraints__ or (v.__bound__,)) if each]
    return " or ".join(spell(each) for each in bounds)


def _has_field(provider: Provider, name: str, key: Key) -> bool:
    """Whether what is wanted is a part of what *provider* gives: a setting, say."""
    if not name or _is_own(key) or provider.many:
        return False
    annotations: Any = getattr(provider.key.form, "__annotations__", {})
    return annotations.get(name) in (key.form, spell(key.form))


def _has_members(cls: type, protocol: Any) -> bool:
    """Whether *cls* has whatever *protocol* asks for, by name."""
    if not getattr(protocol, "_is_protocol", False):
        return False
    members: set[str] = set()
    for base in protocol.__mro__:
        if getattr(base, "_is_protocol", False) and base.__name__ != "Protocol":
            members |= {name for name in _members(base) if not name.startswith("_")}
    offered = {name for base in cls.__mro__ for name in _members(base)}
    return bool(members) and members <= offered


def _members(cls: type) -> set[str]:
    annotations: dict[str, Any] = vars(cls).get("__annotations__", {})
    return {*vars(cls), *annotations}


def _is_similar(ours: str, theirs: str, is_alike: Callable[[str], bool]) -> bool:
    """Whether one may have been written for the other.

    Short names, and those that are numbered, are similar to too many.
    """
    shorter, longer = sorted((ours, theirs), key=len)
    if len(shorter) < _SHORTEST or ours.rstrip(_DIGITS) == theirs.rstrip(_DIGITS):
        return False
    return shorter in longer or is_alike(theirs)


def _alike_to(ours: str) -> Callable[[str], bool]:
    """Whether a name is spelled much like *ours*; made once, as half of the work is for *ours*."""
    import difflib

    matcher = difflib.SequenceMatcher(None, "", ours.lower())

    def is_alike(theirs: str) -> bool:
        matcher.set_seq1(theirs.lower())
        # The quick ones are never smaller, and rule out nearly all.
        ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
        return all(ratio() > _ALIKE for ratio in ratios)

    return is_alike
