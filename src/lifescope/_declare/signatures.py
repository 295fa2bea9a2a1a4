"""From a declaration to a Provider: its kind, its keys, its parameters."""

import collections.abc
import contextlib
import functools
import inspect
import types
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any, cast, get_args, get_origin

from lifescope import errors
from lifescope._declare.annotations import (
    Unreadable,
    Where,
    read_annotation,
    read_signature,
    without_none,
)
from lifescope._model.keys import InjectMarker, Key, as_key
from lifescope._model.names import Place, place_of, spell_callable
from lifescope._model.provider import Declaration, Entry, Kind, Parameter, Provider

__all__ = ["by_name", "called_function", "injected_names", "read_declaration", "read_entry"]

_ITERATORS = {
    Kind.ASYNC_GENERATOR: (
        collections.abc.AsyncIterator,
        collections.abc.AsyncGenerator,
        collections.abc.AsyncIterable,
    ),
    Kind.GENERATOR: (
        collections.abc.Iterator,
        collections.abc.Generator,
        collections.abc.Iterable,
    ),
}
_MANAGERS = {
    contextlib.AbstractAsyncContextManager: Kind.ASYNC_MANAGER,
    contextlib.AbstractContextManager: Kind.MANAGER,
}
_MISSING = inspect.Parameter.empty


class _Reader:
    """Reads one function or class, and collects what is wrong with it."""

    def __init__(self, target: Any, place: Place | None, local_names: dict[str, Any]) -> None:
        self.target = target
        self.name = spell_callable(target)
        self.place = place
        self.where = Where(target, local_names)
        self.problems: list[errors.GraphError] = []

    def signature(self) -> inspect.Signature:
        try:
            return read_signature(self.target)
        except (ValueError, TypeError) as error:
            self.problems.append(
                errors.InvalidProviderError(
                    name=self.name, reason=f"has no signature to read ({error})", place=self.place
                )
            )
            return inspect.Signature()

    def read(self, annotation: Any, parameter: str | None) -> Any:
        form = read_annotation(annotation, self.where)
        if not isinstance(form, Unreadable):
            return form
        self.problems.append(
            errors.UnresolvableAnnotationError(
                name=self.name,
                parameter=parameter,
                annotation=form.text,
                reason=form.reason,
                place=self.place,
            )
        )
        return _MISSING

    def parameter(self, parameter: inspect.Parameter, position: int) -> Parameter | None:
        """The record of *parameter*; None if it is not ours to fill, or cannot be read."""
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        has_default = parameter.default is not _MISSING
        if parameter.annotation is _MISSING:
            if not has_default:
                self.problems.append(
                    errors.UnannotatedError(
                        name=self.name, parameter=parameter.name, place=self.place
                    )
                )
            return None
        form = self.read(parameter.annotation, parameter.name)
        if form is _MISSING:
            return None
        return _parameter(parameter, position, form)


def _parameter(parameter: inspect.Parameter, position: int, form: Any) -> Parameter:
    key = as_key(form)
    inner, optional = without_none(key.form)
    return Parameter(
        name=parameter.name,
        key=Key(as_key(inner).form, key.name or as_key(inner).name),
        optional=optional,
        has_default=parameter.default is not _MISSING,
        position=position if parameter.kind is parameter.POSITIONAL_OR_KEYWORD else None,
    )


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
    reader = _Reader(target, place_of(target), local_names or {})
    parameters: list[Parameter] = []
    for position, parameter in enumerate(reader.signature().parameters.values()):
        if position < skip or parameter.name in given:
            continue
        if marked and not _is_marked_parameter(parameter, reader):
            continue
        if found := reader.parameter(parameter, position):
            parameters.append(found)
    if reader.problems:
        raise errors.GraphError.of(reader.problems)
    return Entry(reader.name, tuple(parameters), reader.place)


def injected_names(target: Callable[..., Any], local_names: dict[str, Any]) -> set[str]:
    """The parameters annotated `Inject[T]`, also those that cannot be read yet."""
    reader = _Reader(target, place_of(target), local_names)
    return {
        parameter.name
        for parameter in reader.signature().parameters.values()
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


def _is_marked_parameter(parameter: inspect.Parameter, reader: "_Reader") -> bool:
    """Whether it is annotated `Inject[T]`, or seems to be while it cannot be read.

    What is not injected need not be readable: it may name what exists for type checkers only.
    """
    annotation = parameter.annotation
    if annotation is _MISSING or isinstance(annotation, type):
        return False
    form = read_annotation(annotation, reader.where)
    return "Inject[" in form.text if isinstance(form, Unreadable) else is_marked(form)


def read_declaration(declaration: Declaration) -> tuple[Provider | None, list[errors.GraphError]]:
    """The provider that *declaration* describes, or everything that is wrong with it."""
    if declaration.supplied:
        key = as_key((declaration.provides or (declaration.target,))[0])
        supplied = Provider(
            keys=(Key(key.form, declaration.name or key.name),),
            scope=declaration.scope,
            kind=Kind.SUPPLIED,
            target=type(None),
            place=declaration.place,
        )
        return supplied, []
    reader = _Reader(declaration.target, declaration.place, declaration.local_names)
    signature = reader.signature()
    found = [
        reader.parameter(parameter, position)
        for position, parameter in enumerate(signature.parameters.values())
    ]
    kind, result, target = _kind(declaration, reader, signature)
    keys = _keys(declaration, reader, result)
    if not keys:
        return None, reader.problems
    # With problems it is still there for the check of the others, which would else miss it.
    provider = Provider(
        keys=keys,
        scope=declaration.scope,
        kind=kind,
        target=target
        if all(p is None or p.position is not None for p in found)
        else by_name(target),
        parameters=tuple(parameter for parameter in found if parameter),
        eager=declaration.eager,
        stop_timeout=declaration.stop_timeout,
        replace=declaration.replace,
        place=declaration.place,
    )
    return provider, reader.problems


def _keys(declaration: Declaration, reader: _Reader, result: Any) -> tuple[Key, ...]:
    forms = declaration.provides or (result,)
    if forms[0] is _MISSING or (not declaration.provides and result is types.NoneType):
        if not reader.problems:
            told = "returns None" if result is types.NoneType else None
            reader.problems.append(
                errors.UnannotatedError(
                    name=reader.name, parameter=None, place=reader.place, found=told
                )
            )
        return ()
    keys = [as_key(form) for form in forms]
    return tuple(Key(key.form, declaration.name or key.name) for key in keys)


def _kind(
    declaration: Declaration, reader: _Reader, signature: inspect.Signature
) -> tuple[Kind, Any, Callable[..., Any]]:
    """How it is driven, what it gives, and what to call."""
    target = declaration.target
    if isinstance(target, type):
        return _kind_of_class(declaration, reader)
    result: Any = _MISSING
    if signature.return_annotation is not _MISSING:
        result = reader.read(signature.return_annotation, None)
    target = _undecorated(target)
    function = called_function(target)
    if inspect.isasyncgenfunction(function):
        return Kind.ASYNC_GENERATOR, _yielded(reader, Kind.ASYNC_GENERATOR, result), target
    if inspect.isgeneratorfunction(function):
        return Kind.GENERATOR, _yielded(reader, Kind.GENERATOR, result), target
    return _kind_of_function(declaration, reader, result, target)


def _kind_of_class(
    declaration: Declaration, reader: _Reader
) -> tuple[Kind, Any, Callable[..., Any]]:
    cls = declaration.target
    if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
        reader.problems.append(
            errors.InvalidProviderError(
                name=reader.name,
                reason="is abstract and cannot be made; provide a class that implements it, "
                f"with provides={reader.name}",
                place=reader.place,
            )
        )
    return _entered(declaration, reader, Kind.CALL, cls, cls)


def _kind_of_function(
    declaration: Declaration, reader: _Reader, result: Any, target: Callable[..., Any]
) -> tuple[Kind, Any, Callable[..., Any]]:
    manager = _MANAGERS.get(_abstract(get_origin(result)))
    is_coroutine = inspect.iscoroutinefunction(called_function(target))
    kind = Kind.AWAIT if is_coroutine else Kind.CALL
    if manager is None or declaration.enter is False:
        return _entered(declaration, reader, kind, result, target)
    given = get_args(result)[0]
    return (
        (Kind.ASYNC_GENERATOR, given, _awaited_then_entered(target))
        if is_coroutine
        else (manager, given, target)
    )


def _entered(
    declaration: Declaration, reader: _Reader, kind: Kind, result: Any, target: Callable[..., Any]
) -> tuple[Kind, Any, Callable[..., Any]]:
    """Settle `enter=` for a class, or for a function that returns an object."""
    manager = _manager_kind(result)
    if declaration.enter is None and manager is not None:
        reader.problems.append(
            errors.AmbiguousContextManagerError(name=reader.name, form=result, place=reader.place)
        )
    if not declaration.enter:
        return kind, result, target
    if manager is None:
        reader.problems.append(
            errors.InvalidProviderError(
                name=reader.name,
                reason="says enter=True, but what it gives is not a context manager",
                place=reader.place,
            )
        )
        return kind, result, target
    if kind is Kind.AWAIT:
        return Kind.ASYNC_GENERATOR, result, _awaited_then_entered(target)
    return manager, result, target


def _manager_kind(form: Any) -> Kind | None:
    """How to enter objects of the type *form*: asynchronously, where they offer both."""
    cls = get_origin(form) or form
    if not isinstance(cls, type):
        return None
    if hasattr(cls, "__aenter__") and hasattr(cls, "__aexit__"):
        return Kind.ASYNC_MANAGER
    if hasattr(cls, "__enter__") and hasattr(cls, "__exit__"):
        return Kind.MANAGER
    return None


def _awaited_then_entered(target: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
    """A generator for a coroutine function whose result is then entered."""

    @functools.wraps(target)
    async def enter(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        manager = await target(*args, **kwargs)
        if hasattr(manager, "__aenter__"):
            async with manager as value:
                yield value
        else:
            with manager as value:
                yield value

    return enter


def _yielded(reader: _Reader, kind: Kind, result: Any) -> Any:
    if result is _MISSING:
        return _MISSING
    origin, arguments = get_origin(result), get_args(result)
    if origin in _ITERATORS[kind] and arguments:
        return arguments[0]
    wanted = "AsyncIterator" if kind is Kind.ASYNC_GENERATOR else "Iterator"
    reader.problems.append(
        errors.InvalidProviderError(
            name=reader.name,
            reason=f"yields, so its result is annotated {wanted}[T], where T is what it yields",
            place=reader.place,
        )
    )
    return result


def _undecorated(target: Any) -> Any:
    """The generator function behind `@contextmanager` and `@asynccontextmanager`.

    Both helpers do no more than drive the generator, and so do we.
    """
    code = getattr(target, "__code__", None)
    if code is not None and code.co_filename == contextlib.__file__:
        return getattr(target, "__wrapped__", target)
    return target


def called_function(target: Any) -> Any:
    """The function that runs when *target* is called: behind `partial`, or its `__call__`."""
    while isinstance(target, functools.partial):
        target = target.func
    if inspect.isroutine(target) or isinstance(target, type):
        return target
    return getattr(cast("object", type(target)), "__call__", target)  # noqa: B004


def _abstract(origin: Any) -> Any:
    """`AbstractAsyncContextManager`, also where a class derives from it generically."""
    return origin if origin in _MANAGERS else None
