"""Reading a function or class: its signature, and the parameters that are filled."""

import collections.abc
import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast, get_args, get_origin

from lifescope import errors
from lifescope._declare.annotations import (
    Unreadable,
    Where,
    inherited_arguments,
    read_annotation,
    read_signature,
    substituted,
    without_none,
)
from lifescope._declare.arguments import kind_of
from lifescope._declare.imports import origin_of
from lifescope._declare.parameters import MISSING, Formal, Signature, read_parameters
from lifescope._model.keys import InjectMarker, Key, as_key
from lifescope._model.names import Place, is_foreign, place_of, spell_callable, written_at
from lifescope._model.provider import Entry, Parameter

__all__ = [
    "Reader",
    "by_name",
    "called_function",
    "entry_of",
    "injected_names",
    "names_of",
    "read_entry",
]

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Reader:
    """Reads one function or class, and collects what is wrong with it.

    Attributes:
        place: Where it is written, or of a class, where it is declared.
        classes: Parameter name to class: what `type[T]` stands for, where a base class says so.
        problems: What is wrong.
    """

    def __init__(self, target: Any, place: Place | None, local_names: dict[str, Any]) -> None:
        self.target = target
        self.place = place
        self.where = Where(target, local_names)
        self.classes: dict[str, Any] = {}
        self._inherited = inherited_arguments(target)
        self.problems: list[errors.GraphError] = []

    @functools.cached_property
    def name(self) -> str:
        """What messages call it."""
        return spell_callable(self.target)

    def signature(self) -> Signature:
        try:
            return read_parameters(self.target)
        except (ValueError, TypeError):  # its text may have a value in it
            if callable(self.target):
                self.refuse(
                    "has no signature to read",
                    "write a function that calls it, and provide that.",
                )
            else:
                self.name = kind_of(self.target)
                self.refuse(
                    "can neither be called nor be entered",
                    "hand ready objects in: Container(..., values={Key: object}).",
                )
            return Signature((), MISSING)

    @functools.cached_property
    def written_at(self) -> Place | None:
        """Where the parameters are written."""
        return written_at(self.target) or self.place

    def refuse(self, reason: str, *fixes: str, place: Place | None = None) -> None:
        """Note that it cannot be a provider; the mistake is at *place*, if not at its own."""
        self.problems.append(
            errors.InvalidProviderError(
                name=self.name, reason=reason, place=place or self.place, fixes=fixes
            )
        )

    def read(self, annotation: Any, parameter: str | None) -> Any:
        form = read_annotation(annotation, self.where)
        if not isinstance(form, Unreadable):
            return form
        origin = origin_of(form, self.where)
        self.problems.append(
            errors.UnresolvableAnnotationError(
                name=self.name,
                parameter=parameter,
                annotation=form.text,
                reason=form.reason,
                place=self.written_at,
                signature=names_of(self.target),
                missing=origin.name if origin else "",
                imported_at=origin.imported_at if origin else None,
                near=origin.near if origin else None,
            )
        )
        return MISSING

    def parameter(self, parameter: Formal, position: int) -> Parameter | None:
        """The record of *parameter*; None if it is not ours to fill, or cannot be read."""
        if parameter.kind in _VARIADIC:
            return None
        if parameter.name in _bound_by_name(self.target):
            return None
        has_default = parameter.default is not MISSING
        if parameter.annotation is MISSING:
            if not has_default:
                self.problems.append(
                    errors.UnannotatedError(
                        name=self.name,
                        parameter=parameter.name,
                        place=self.written_at,
                        signature=names_of(self.target),
                    )
                )
            return None
        if has_default and self._is_foreign_and_unreadable(parameter.annotation):
            return None
        form = self.read(parameter.annotation, parameter.name)
        if form is MISSING:
            return None
        if self._inherited:
            form = self._in_this_class(parameter.name, form)
        read = _parameter(parameter, position, form)
        # A provider of `type[Order]` goes before the class itself, as for an open generic.
        return replace(read, has_default=True) if parameter.name in self.classes else read

    def _is_foreign_and_unreadable(self, annotation: Any) -> bool:
        """Whether it names what a library imports for type checkers only.

        Whoever uses the library cannot mend that, and rarely wants the parameter filled.
        """
        if not is_foreign(self.target):
            return False
        return isinstance(read_annotation(annotation, self.where), Unreadable)

    def _in_this_class(self, name: str, form: Any) -> Any:
        """What *form*, of an inherited `__init__`, is here."""
        here = substituted(form, self._inherited)
        is_class = get_origin(form) is type and isinstance(get_args(form)[0], TypeVar)
        if is_class and not getattr(here, "__parameters__", ()):
            self.classes[name] = get_args(here)[0]
        return here


def _bound_by_name(target: Any) -> dict[str, Any]:
    """What a `functools.partial` passes by name."""
    return target.keywords if isinstance(target, functools.partial) else {}


def _parameter(parameter: Formal, position: int, form: Any) -> Parameter:
    has_default = parameter.default is not MISSING
    by_position = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    return _asking_for(form, parameter.name, has_default, position if by_position else None)


def _asking_for(
    form: Any, name: str, has_default: bool = False, position: int | None = None
) -> Parameter:
    if isinstance(form, type):  # nearly always
        return Parameter(name, Key(form), False, has_default, position)
    key = as_key(form)
    inner, optional = without_none(key.form)
    if optional:
        inner_key = as_key(inner)
        key = Key(inner_key.form, key.name or inner_key.name)
    return Parameter(name, key, optional, has_default, position)


def entry_of(target: Callable[..., Any], forms: collections.abc.Mapping[str, Any]) -> Entry:
    """The entry of a function of which an adapter has read the parameters: name to key.

    Raises:
        GraphError: A key has a name in quotes that is not there.
    """
    reader = Reader(target, place_of(target), {})
    read = {name: reader.read(form, name) for name, form in forms.items()}
    if reader.problems:
        raise errors.GraphError.of(reader.problems)
    parameters = tuple(_asking_for(form, name) for name, form in read.items())
    return Entry(spell_callable(target), parameters, place_of(target), signature=names_of(target))


def read_entry(
    target: Callable[..., Any],
    *,
    marked: bool,
    local_names: dict[str, Any] | None = None,
    skip: int = 0,
    given: collections.abc.Collection[str] = (),
) -> Entry:
    """The parameters of *target* that the container fills.

    Args:
        target: A function or class of the user's.
        marked: Only those annotated `Inject[T]`; otherwise every one.
        local_names: Names of the function around it, for annotations that are strings.
        skip: This many leading parameters are passed by the caller.
        given: Parameters that the caller passes by name.

    Raises:
        GraphError: A parameter has no annotation, or one that cannot be read.
    """
    reader = Reader(target, place_of(target), local_names or {})
    parameters: list[Parameter] = []
    signature = reader.signature()
    for position, parameter in enumerate(signature.parameters):
        if position < skip or parameter.name in given:
            continue
        if marked and not _is_marked_parameter(parameter, reader):
            continue
        if found := reader.parameter(parameter, position):
            parameters.append(found)
    if reader.problems:
        raise errors.GraphError.of(reader.problems)
    return Entry(reader.name, tuple(parameters), reader.place, signature=signature.names)


def names_of(target: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters of *target*; none where they cannot be read."""
    try:
        return read_parameters(target).names
    except (ValueError, TypeError):
        return ()


def injected_names(target: Callable[..., Any], local_names: dict[str, Any]) -> set[str]:
    """The parameters annotated `Inject[T]`, also those that cannot be read yet."""
    reader = Reader(target, place_of(target), local_names)
    return {
        parameter.name
        for parameter in reader.signature().parameters
        if _is_marked_parameter(parameter, reader)
    }


def by_name(target: Callable[..., Any]) -> Callable[..., Any]:
    """*target*, or where it has positional-only parameters, a function that takes them by name."""
    try:
        signature = read_signature(target)
    except (ValueError, TypeError):
        return target
    if all(p.kind is not p.POSITIONAL_ONLY for p in signature.parameters.values()):
        return target

    @functools.wraps(target)
    def named(*args: Any, **kwargs: Any) -> Any:
        names = list(signature.parameters)
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        bound = inspect.BoundArguments(
            signature, OrderedDict((n, arguments[n]) for n in names if n in arguments)
        )
        bound.apply_defaults()
        return target(*bound.args, **bound.kwargs)

    return named


def is_marked(form: Any) -> bool:
    """Whether *form* is an `Inject[T]`."""
    return any(isinstance(item, InjectMarker) for item in getattr(form, "__metadata__", ()))


def _is_marked_parameter(parameter: Formal, reader: Reader) -> bool:
    """Whether it is annotated `Inject[T]`, or seems to be while it cannot be read.

    What is not injected need not be readable: it may name what exists for type checkers only.
    """
    annotation = parameter.annotation
    if annotation is MISSING or isinstance(annotation, type):
        return False
    form = read_annotation(annotation, reader.where)
    return "Inject[" in form.text if isinstance(form, Unreadable) else is_marked(form)


def called_function(target: Any) -> Any:
    """The function that runs when *target* is called: behind `partial`, or its `__call__`."""
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isroutine(target) or isinstance(target, type):
        return target
    return getattr(cast("object", type(target)), "__call__", target)  # noqa: B004
