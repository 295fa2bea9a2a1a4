"""How things are called in a drawing: the same in every run and on every machine."""

import os
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import PurePath
from typing import Any, TypeVar, get_args, get_origin

from lifescope._model.keys import Key
from lifescope._model.names import Place, spell

__all__ = ["Speller", "spell_place", "unique"]

_PACKAGES = ("site-packages/", "dist-packages/")

T = TypeVar("T", bound=Hashable)


def spell_place(place: Place | None) -> str:
    """*place* without what differs from one machine to the next; empty if there is none.

    It is relative to the working directory, or to where its package is installed.
    """
    if place is None:
        return ""
    text = str(place).replace(os.sep, "/")
    for folder in _PACKAGES:
        if folder in text:
            return text.rpartition(folder)[2]
    return _below_path(text) if PurePath(place.file).is_absolute() else text


def _below_path(text: str) -> str:
    """*text* relative to the folder from which it is imported; as it is, if it is relative."""
    if not PurePath(text).is_absolute():
        return text
    folders = [folder.replace(os.sep, "/").rstrip("/") + "/" for folder in sys.path if folder]
    holding = [folder for folder in folders if text.startswith(folder)]
    return text.removeprefix(max(holding, key=len)) if holding else text.rpartition("/")[2]


class Speller:
    """Spells keys: short, and with their modules where two of them would look the same."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._by_text: dict[str, set[Key]] = {}
        for key in keys:
            self._by_text.setdefault(str(key), set()).add(key)

    def __call__(self, key: Key) -> str:
        text = str(key)
        if len(self._by_text.get(text, ())) < 2:
            return text
        return str(Key(_qualified(key.form), key.name))


def _qualified(form: Any) -> str:
    if get_origin(form) is not None:
        arguments = [_qualified(argument) for argument in get_args(form)]
        return f"{spell(get_origin(form))}[{', '.join(arguments)}]"
    module = getattr(form, "__module__", "builtins")
    return spell(form) if module == "builtins" else f"{module}.{spell(form)}"


def unique(things: Sequence[T], *spellings: Callable[[T], str]) -> dict[T, str]:
    """A name of its own for each: by the first spelling that tells it apart, or numbered."""
    names: dict[T, str] = {}
    left: list[T] = list(things)
    for spelling in spellings:
        spelled: dict[T, str] = {thing: spelling(thing) for thing in left}
        counts: dict[str, int] = {}
        for text in spelled.values():
            counts[text] = counts.get(text, 0) + 1
        taken = set(names.values())
        names.update((t, s) for t, s in spelled.items() if counts[s] == 1 and s not in taken)
        left = [thing for thing in left if thing not in names]
    _number(left, spellings[-1], names)
    return {thing: names[thing] for thing in things}


def _number(things: Iterable[T], spelling: Callable[[T], str], names: dict[T, str]) -> None:
    taken, last = set(names.values()), dict[str, int]()
    for thing in things:
        text = spelling(thing)
        number = last.get(text, 0) + 1
        while f"{text} {number}" in taken:
            number += 1
        last[text] = number
        names[thing] = f"{text} {number}"
        taken.add(names[thing])
