"""What a factory's annotations say, for adapters of containers that do not read them."""

import inspect
from collections import abc
from collections.abc import Callable
from typing import Any, get_args, get_origin

from benchmarks.conformance.protocol import Declaration

_YIELDING = (abc.AsyncIterator, abc.Iterator)


def needs(factory: Callable[..., Any]) -> dict[str, Any]:
    """Name to annotation of each parameter without a default."""
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: p.annotation for p in parameters if p.default is p.empty}


def has_defaults(factory: Callable[..., Any]) -> bool:
    """Whether a parameter has a default."""
    parameters = inspect.signature(factory).parameters.values()
    return any(p.default is not p.empty for p in parameters)


def keys(declaration: Declaration) -> tuple[Any, ...]:
    """What the declaration is asked for as."""
    factory = declaration.factory
    if declaration.provides:
        return declaration.provides
    if isinstance(factory, type):
        return (factory,)
    result = inspect.signature(factory).return_annotation
    return (get_args(result)[0] if get_origin(result) in _YIELDING else result,)


def is_open(declaration: Declaration) -> bool:
    """Whether what it provides has a type parameter left open."""
    return any(getattr(key, "__parameters__", ()) for key in keys(declaration))


def is_async_generator(factory: Callable[..., Any]) -> bool:
    """Whether it is an async generator function, and nothing has decorated it."""
    return inspect.isasyncgenfunction(factory)


def is_generator(factory: Callable[..., Any]) -> bool:
    """Whether it is a generator function, and nothing has decorated it."""
    return inspect.isgeneratorfunction(factory)
