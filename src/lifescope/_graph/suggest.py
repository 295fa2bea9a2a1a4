"""What is close to a key that nothing provides, as data."""

import difflib
from collections.abc import Iterable
from typing import get_origin

from lifescope._model.keys import Key
from lifescope._model.names import spell
from lifescope._model.provider import Provider

__all__ = ["suggest"]

_AT_MOST = 3


def suggest(key: Key, providers: Iterable[Provider]) -> list[Provider]:
    """At most three providers whose keys are close to *key*, the closest first."""
    rated = [
        (min(_distance(key, other) for other in provider.keys), position, provider)
        for position, provider in enumerate(providers)
    ]
    return [provider for rate, _, provider in sorted(rated, key=lambda r: r[:2]) if rate < _FAR][
        :_AT_MOST
    ]


_FAR = 9


def _distance(wanted: Key, offered: Key) -> int:
    """0 for the same form under another name, up to `_FAR` for nothing in common."""
    if wanted.form == offered.form:
        return 0
    if _related(wanted.form, offered.form):
        return 1
    ours, theirs = spell(wanted.form), spell(offered.form)
    if ours == theirs:
        return 2
    close = difflib.SequenceMatcher(None, ours.lower(), theirs.lower()).ratio() > 0.75
    return 3 if close or _contains(ours, theirs) else _FAR


def _related(ours: object, theirs: object) -> bool:
    """One is a subclass of the other, or both are forms of one generic class."""
    first, second = get_origin(ours) or ours, get_origin(theirs) or theirs
    if not (isinstance(first, type) and isinstance(second, type)):
        return False
    if object in (first, second):
        return False
    try:
        return issubclass(first, second) or issubclass(second, first)
    except TypeError:  # a protocol that is not for run time
        return first in second.__mro__ or second in first.__mro__


def _contains(ours: str, theirs: str) -> bool:
    shorter, longer = sorted((ours, theirs), key=len)
    return len(shorter) >= 4 and shorter in longer
