"""Reading annotations: strings, deferred evaluation, local names, unions with None."""

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast, get_args, get_origin

from lifescope._model.names import unwrap

__all__ = [
    "Unreadable",
    "Where",
    "inherited_arguments",
    "read_annotation",
    "read_signature",
    "substituted",
    "without_none",
]


class Unreadable(NamedTuple):
    """An annotation that could not be evaluated, and why."""

    text: str
    reason: str


class Where(NamedTuple):
    """The names that annotations of one function or class can see."""

    target: Any
    local_names: Mapping[str, Any]

    def namespaces(self) -> Iterator[Mapping[str, Any]]:
        """Global namespaces to try, the likeliest first.

        A dataclass inherits fields, and with them annotations, from modules that its own
        `__init__` knows nothing of; so the modules of all base classes are tried.
        """
        function = annotated_function(self.target)
        yield getattr(function, "__globals__", {})
        if isinstance(self.target, type):
            for base in self.target.__mro__:
                yield vars(sys.modules.get(base.__module__, types.ModuleType("")))

    def locals(self) -> dict[str, Any]:
        """Names of enclosing functions, type parameters (PEP 695), and the class itself."""
        function = annotated_function(self.target)
        names = dict(self.local_names)
        code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None)
        for name, cell in zip(getattr(code, "co_freevars", ()), closure or (), strict=False):
            try:
                names[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        for owner in (self.target, function):
            for parameter in getattr(owner, "__type_params__", ()):
                names[parameter.__name__] = parameter
        if isinstance(self.target, type):
            names.setdefault(self.target.__name__, self.target)
        return names


def read_signature(target: Callable[..., Any]) -> inspect.Signature:
    """The signature with annotations as they stand, evaluated or not.

    Raises:
        ValueError: *target* has none (some built-in types).
        TypeError: *target* is not callable.
    """
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(target, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(target)


def read_annotation(annotation: Any, where: Where) -> Any:
    """The type form that *annotation* stands for, or `Unreadable`."""
    if type(annotation) is type or (isinstance(annotation, type) and not get_args(annotation)):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    reason = ""
    local_names = where.locals()
    for namespace in where.namespaces():
        try:
            hints = typing.get_type_hints(holder, dict(namespace), local_names, include_extras=True)
        except NameError as error:
            reason = reason or str(error)
        except Exception as error:
            reason = reason or f"{type(error).__name__}: {error}"
        else:
            return _plain(hints["it"])
    return Unreadable(_text_of(annotation), reason)


def _plain(form: Any) -> Any:
    """What a parameter of a dataclass's `__init__` holds: `T` for `InitVar[T]`."""
    return cast("Any", form).type if isinstance(form, dataclasses.InitVar) else form


def without_none(form: Any) -> tuple[Any, bool]:
    """`T | None` as (T, True); anything else as (form, False)."""
    if isinstance(form, type):
        return form, False
    if get_origin(form) in (typing.Union, types.UnionType):
        rest = [argument for argument in get_args(form) if argument is not types.NoneType]
        if len(rest) < len(get_args(form)):
            union: Any = typing.Union
            return union[tuple(rest)], True
    return form, False


def annotated_function(target: Any) -> Any:
    """The function whose annotations describe a call of *target*."""
    if not isinstance(target, type):
        target = unwrap(target)
        if hasattr(target, "__code__"):
            return target
        return getattr(cast("object", type(target)), "__call__", target)  # noqa: B004
    init = inspect.getattr_static(target, "__init__")
    return unwrap(target.__new__ if init is object.__init__ else init)


def inherited_arguments(target: Any) -> dict[Any, Any]:
    """What the type variables of an inherited `__init__` stand for in the class *target*.

    `class OrderRepo(Repo[Order])` without an `__init__` of its own has that of `Repo[T]`, and
    T is `Order` there.
    """
    if not isinstance(target, type) or "__init__" in vars(target):
        return {}
    owner = next((cls for cls in target.__mro__ if "__init__" in vars(cls)), object)
    return _arguments(target, owner, {}) or {}


def _arguments(cls: type, owner: type, binding: dict[Any, Any]) -> dict[Any, Any] | None:
    """The arguments that *owner* has as a base of *cls*; None if it is none."""
    if cls is owner:
        return binding
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin: Any = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, owner):
            variables = getattr(origin, "__parameters__", ())
            given = [substituted(argument, binding) for argument in get_args(base)]
            return _arguments(origin, owner, dict(zip(variables, given, strict=False)))
    return None


def substituted(form: Any, binding: Mapping[Any, Any]) -> Any:
    """*form* with its type variables replaced, as far as *binding* has them."""
    if isinstance(form, typing.TypeVar):
        return binding.get(form, form)
    variables = getattr(form, "__parameters__", ())
    if not binding or get_origin(form) is None or not variables:
        return form
    return form[tuple(binding.get(variable, variable) for variable in variables)]


def _text_of(annotation: Any) -> str:
    text = getattr(annotation, "__forward_arg__", annotation)
    return text if isinstance(text, str) else repr(text)
