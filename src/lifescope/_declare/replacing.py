"""Replacements: what was surely meant as a provider, and is handed in as if it were an object."""

import inspect
from types import FunctionType
from typing import Any, get_origin

__all__ = ["is_meant_to_be_called"]


def is_meant_to_be_called(value: Any, form: Any) -> bool:
    """Whether *value* is a class or function that cannot itself be what *form* says.

    In case of doubt it is an object: a class that has what is asked for, a function in place of
    something that can be called.
    """
    expected = get_origin(form) or form
    if not isinstance(expected, type) or not _is_class_or_function(value):
        return False
    if isinstance(value, type):
        return expected in value.__mro__ or _needs_an_instance(value, expected)
    return not _is_called(expected) and not _is_instance(value, expected)


def _is_class_or_function(value: Any) -> bool:
    return isinstance(value, type) or inspect.isroutine(value)


def _needs_an_instance(value: type, expected: type) -> bool:
    """Whether it has a method of *expected* that would be called without `self`."""
    names = [name for name in dir(expected) if not name.startswith("__")]
    return any(_is_method(expected, name) and _is_method(value, name) for name in names)


def _is_method(cls: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(cls, name, None), FunctionType)


def _is_called(expected: type) -> bool:
    return any("__call__" in vars(each) for each in expected.__mro__)


def _is_instance(value: Any, expected: type) -> bool:
    try:
        return isinstance(value, expected)
    except TypeError:  # a protocol that cannot tell
        return False
