"""What is close to a key that nothing provides, as data."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, get_origin

from lifescope._declare.decorator import marked
from lifescope._declare.registry import read
from lifescope._model.keys import Key
from lifescope._model.names import spell
from lifescope._model.provider import Nearness, Provider, Suggestion

__all__ = ["suggest"]

_AT_MOST = 3

_SHORTEST = 4
_ALIKE = 0.75
_DIGITS = "0123456789"

_ORDER = list(Nearness)
"""The closest first."""


def suggest(key: Key, providers: Sequence[Provider]) -> list[Suggestion]:
    """At most three providers whose keys are close to *key*, the closest first."""
    found = [Suggestion(p, Nearness.LEFT_OUT) for p in _left_out(key, providers)]
    matcher = difflib.SequenceMatcher(None, "", spell(key.form).lower())
    for provider in providers:
        rated = [n for other in provider.keys if (n := _nearness(key, other, matcher))]
        if rated:
            found.append(Suggestion(provider, min(rated, key=_ORDER.index)))
    return sorted(found, key=lambda each: _ORDER.index(each.nearness))[:_AT_MOST]


def _left_out(key: Key, providers: Iterable[Provider]) -> list[Provider]:
    """What is marked somewhere in the program and provides *key*, but was not given."""
    if not isinstance(get_origin(key.form) or key.form, type) or key.form.__module__ == "builtins":
        return []
    given = {id(provider.target) for provider in providers}
    there = [
        declaration
        for declaration in marked()
        if id(declaration.target) not in given and _may_provide(declaration, key)
    ]
    found, _ = read(there)
    fitting = [p for p in found if key in p.keys and not p.decorate and not p.many]
    return sorted(fitting, key=lambda p: (p.place.file, p.place.line) if p.place else ("", 0))


def _may_provide(declaration: Any, key: Key) -> bool:
    """Whether it is worth while to read it: it names the class, in whatever way."""
    if declaration.supplied:
        return False
    name = spell(get_origin(key.form) or key.form).rpartition(".")[2]
    target = declaration.target
    annotation = getattr(target, "__annotations__", {}).get("return", "")
    return target is key.form or name in f"{declaration.provides}{annotation}"


def _nearness(
    wanted: Key, offered: Key, matcher: "difflib.SequenceMatcher[str]"
) -> Nearness | None:
    """How *offered* is close to *wanted*; None if it is not."""
    if wanted.form == offered.form:
        return Nearness.OTHER_NAME
    related = _related(wanted.form, offered.form)
    if related is not None:
        return related
    ours, theirs = spell(wanted.form), spell(offered.form)
    if ours == theirs:
        return Nearness.SPELLED_ALIKE
    return Nearness.SIMILAR if _is_similar(ours, theirs, matcher) else None


def _related(wanted: Any, offered: Any) -> Nearness | None:
    """One is a subclass of the other, or both are forms of one generic class."""
    first, second = get_origin(wanted) or wanted, get_origin(offered) or offered
    if not (isinstance(first, type) and isinstance(second, type)) or object in (first, second):
        return None
    if first is second:
        return Nearness.RELATED
    if first in second.__mro__:
        return Nearness.SUBCLASS
    if second in first.__mro__:
        return Nearness.BASE
    return Nearness.PROTOCOL if _has_members(second, first) else None


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


def _is_similar(ours: str, theirs: str, matcher: "difflib.SequenceMatcher[str]") -> bool:
    """Whether one may have been written for the other.

    Short names, and those that are numbered, are similar to too many.
    """
    shorter, longer = sorted((ours, theirs), key=len)
    if len(shorter) < _SHORTEST or ours.rstrip(_DIGITS) == theirs.rstrip(_DIGITS):
        return False
    if shorter in longer:
        return True
    matcher.set_seq1(theirs.lower())
    # The quick ones are never smaller, and rule out nearly all.
    ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() > _ALIKE for ratio in ratios)
