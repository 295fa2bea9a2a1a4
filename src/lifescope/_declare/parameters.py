"""The parameters of a function or class, as they are written.

`inspect.signature` knows every way in which something can be called, and takes 50 microseconds
for each: a third of the time that building a container takes. Nearly everything that is provided
is a plain function, or a class with a plain `__init__`. Of these, what Python itself keeps says
all there is to say: the names in the code object, the defaults and the annotations. Whatever
is not surely plain is left to `inspect`.
"""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from lifescope._declare.annotations import read_signature

__all__ = ["MISSING", "Formal", "Signature", "read_parameters"]

MISSING = inspect.Parameter.empty
"""In place of a default or an annotation that is not there."""

_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_POSITIONAL_OR_KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


class Formal(NamedTuple):
    """A parameter as it is written; its kind is one of `inspect`."""

    name: str
    kind: Any
    default: Any
    annotation: Any


class Signature(NamedTuple):
    """What a function takes and, says its annotation, gives."""

    parameters: tuple[Formal, ...]
    result: Any

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple([parameter.name for parameter in self.parameters])


def read_parameters(target: Callable[..., Any]) -> Signature:
    """What `inspect.signature` says of *target*, with annotations as they stand.

    Raises:
        ValueError: *target* has none (some built-in types).
        TypeError: *target* is not callable.
    """
    plain = _plain(target)
    return plain if plain is not None else _from_inspect(target)


def _from_inspect(target: Callable[..., Any]) -> Signature:
    signature = read_signature(target)
    parameters = [
        Formal(p.name, p.kind, p.default, p.annotation) for p in signature.parameters.values()
    ]
    return Signature(tuple(parameters), signature.return_annotation)


def _plain(target: Any) -> Signature | None:
    """The signature of what is surely plain."""
    if type(target) is FunctionType:
        return None if _says_otherwise(target) else _of_function(target, 0)
    if not isinstance(target, type) or not _is_called_plainly(target):
        return None
    # Not `target.__init__`, which hides that a static method gets no `self`.
    init = next(vars(base)["__init__"] for base in target.__mro__ if "__init__" in vars(base))
    if init is object.__init__:
        is_described = any(base.__text_signature__ for base in target.__mro__[:-1])
        return None if is_described else Signature((), MISSING)
    if type(init) is not FunctionType or _says_otherwise(init):
        return None
    return _of_function(init, 1) if init.__code__.co_argcount else None


def _is_called_plainly(cls: type) -> bool:
    """Whether nothing but `__init__` sees the arguments of a call."""
    meta: Any = type(cls)
    new: Any = cls.__new__
    return (
        meta.__call__ is type.__call__
        and meta.__getattribute__ is type.__getattribute__
        and new is object.__new__
        and not _says_otherwise(cls)
    )


def _says_otherwise(target: Any) -> bool:
    """Whether *target* has what `inspect.signature` goes by instead of looking at the code."""
    return (
        hasattr(target, "__wrapped__")
        or hasattr(target, "__signature__")
        or hasattr(target, "_partialmethod")
        or hasattr(target, "__partialmethod__")
    )


def _of_function(function: FunctionType, skipped: int) -> Signature | None:
    """The signature without as many parameters in front, which a call passes by itself."""
    try:
        annotations = function.__annotations__
    except Exception:  # evaluated now, from Python 3.14 on: what they name may not be there yet
        return None
    code, defaults, by_name = function.__code__, function.__defaults__, function.__kwdefaults__
    names, positional, flags = code.co_varnames, code.co_argcount, code.co_flags
    annotation = annotations.get
    first_default = positional - len(defaults or ())
    parameters = [
        Formal(
            name,
            _POSITIONAL_OR_KEYWORD if n >= code.co_posonlyargcount else _POSITIONAL_ONLY,
            defaults[n - first_default] if defaults and n >= first_default else MISSING,
            annotation(name, MISSING),
        )
        for n, name in enumerate(names[skipped:positional], skipped)
    ]
    last = positional + code.co_kwonlyargcount
    if flags & inspect.CO_VARARGS:
        name = names[last]
        parameters.append(Formal(name, _VAR_POSITIONAL, MISSING, annotation(name, MISSING)))
    for name in names[positional:last]:
        default = by_name.get(name, MISSING) if by_name else MISSING
        parameters.append(Formal(name, _KEYWORD_ONLY, default, annotation(name, MISSING)))
    if flags & inspect.CO_VARKEYWORDS:
        name = names[last + bool(flags & inspect.CO_VARARGS)]
        parameters.append(Formal(name, _VAR_KEYWORD, MISSING, annotation(name, MISSING)))
    return Signature(tuple(parameters), annotation("return", MISSING))
