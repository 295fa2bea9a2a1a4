"""Whether something could be made of what there is, if somebody declared it."""

import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from lifescope import errors
from lifescope._declare.signatures import read_entry
from lifescope._graph.generics import pattern_of
from lifescope._graph.index import is_built_in
from lifescope._model.keys import Key, as_key
from lifescope._model.provider import Entry, Parameter, Provider
from lifescope._model.relations import RELATIONS

__all__ = ["Offered", "use_of_class"]


class Offered:
    """The keys that *providers* offer; nothing is derived from them by looking."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._keys: set[Key] = set()
        self._open: set[Any] = set()
        for provider in providers:
            if not (provider.many or provider.decorate):
                self._keys.update(provider.keys)
            pattern = pattern_of(provider)
            self._open.update(get_origin(key.form) for key in (pattern.keys if pattern else ()))

    def fills(self, asking: Entry | Provider) -> bool:
        """Whether every parameter of *asking* would be filled, or need not be."""
        return all(self._fills(parameter) for parameter in asking.parameters)

    def _fills(self, parameter: Parameter) -> bool:
        return parameter.optional or parameter.has_default or self._has(parameter.key)

    def _has(self, key: Key) -> bool:
        origin = get_origin(key.form)
        if origin in RELATIONS:
            return self._has(as_key(get_args(key.form)[0]))
        return key in self._keys or origin is list or origin in self._open or is_built_in(key.form)


def use_of_class(key: Key, offered: Offered) -> Literal["made", "handed in", ""]:
    """How the class that *key* is could be used.

    Returns:
        "handed in", if it holds nothing but plain values, which somebody has to choose; "made",
        if all that it asks for is there; else nothing.
    """
    cls = key.form
    if not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return ""
    try:
        asking = read_entry(cls, marked=False)
    except errors.GraphError:
        return ""
    if asking.parameters and all(_is_plain(p.key.form) for p in asking.parameters):
        return "handed in"
    return "made" if offered.fills(asking) else ""


def _is_plain(form: Any) -> bool:
    """Whether it is text, a number and the like, or many of them: what a setting is."""
    from pathlib import PurePath  # only where something is wrong already

    origin = get_origin(form)
    if origin in (typing.Union, types.UnionType, tuple, list, dict, set, frozenset):
        return all(argument is ... or _is_plain(argument) for argument in get_args(form))
    if origin is Literal:
        return True
    if not isinstance(form, type) or form is object:
        return False
    return form.__module__ in ("builtins", "datetime", "decimal", "uuid") or issubclass(
        form, PurePath
    )
