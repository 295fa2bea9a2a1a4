"""From a declaration to a Provider: how it is driven, what it gives, for which keys."""

import collections.abc
import contextlib
import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import AsyncIterator, Callable
from typing import Any, get_args, get_origin

from lifescope import errors
from lifescope._declare.annotations import without_none
from lifescope._declare.arguments import usable
from lifescope._declare.parameters import MISSING, Signature
from lifescope._declare.signatures import Reader, by_name, called_function
from lifescope._model.keys import Key, as_key
from lifescope._model.names import at, spell
from lifescope._model.provider import Declaration, Kind, Parameter, Provider

__all__ = ["read_declaration"]

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
_ANY_ITERATOR = frozenset(form for forms in _ITERATORS.values() for form in forms)
_MANAGERS = {
    contextlib.AbstractAsyncContextManager: Kind.ASYNC_MANAGER,
    contextlib.AbstractContextManager: Kind.MANAGER,
}
_IN_THREAD = {
    Kind.CALL: Kind.AWAIT,
    Kind.GENERATOR: Kind.ASYNC_MANAGER,
    Kind.MANAGER: Kind.ASYNC_MANAGER,
}
"""How a sync provider is driven from the event loop, if it runs in worker threads."""


def read_declaration(declaration: Declaration) -> tuple[Provider | None, list[errors.GraphError]]:
    """The provider that *declaration* describes, or everything that is wrong with it."""
    declaration, wrong = usable(declaration)
    read = _read_supplied if declaration.supplied else _read_provider
    provider, problems = read(declaration)
    return provider, [*wrong, *problems]


def _read_supplied(
    declaration: Declaration,
) -> tuple[Provider | None, list[errors.GraphError]]:
    if not declaration.provides:
        return None, []
    key = as_key(declaration.provides[0])
    supplied = Provider(
        keys=(Key(key.form, declaration.name or key.name),),
        scope=declaration.scope,
        kind=Kind.SUPPLIED,
        target=type(None),
        place=declaration.place,
        said_at=declaration.said_at,
    )
    return supplied, []


def _read_provider(
    declaration: Declaration,
) -> tuple[Provider | None, list[errors.GraphError]]:
    reader = Reader(declaration.target, declaration.place, declaration.local_names)
    signature = reader.signature()
    found = [
        reader.parameter(parameter, position)
        for position, parameter in enumerate(signature.parameters)
    ]
    kind, result, target = _kind(declaration, reader, signature)
    if reader.classes:
        target = functools.partial(target, **reader.classes)
        found = [parameter and dataclasses.replace(parameter, position=None) for parameter in found]
    is_async = kind.is_async
    if declaration.thread:
        kind = _IN_THREAD.get(kind, kind)
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
        thread=declaration.thread,
        start_timeout=declaration.start_timeout,
        stop_timeout=declaration.stop_timeout,
        replace=declaration.replace,
        decorate=declaration.decorate,
        many=declaration.many,
        place=declaration.place,
        said_at=declaration.said_at,
        result=_checked_against(declaration, result),
        signature=signature.names,
    )
    return _check_options(declaration, provider, is_async, reader), reader.problems


def _check_options(
    declaration: Declaration, provider: Provider, is_async: bool, reader: Reader
) -> Provider:
    """Find options of `@provider` that contradict each other, or what they are said of.

    Returns:
        The provider as it is meant, as far as that can be told.
    """
    if not (declaration.thread or declaration.replace or declaration.decorate or declaration.many):
        return provider
    if declaration.thread and is_async:
        reader.refuse(
            "says thread=True, which is for code that blocks, but is async",
            "leave thread=True out.",
            "make it a def function that blocks.",
            place=declaration.said_at,
        )
    several = [n for n in ("replace", "decorate", "many") if getattr(declaration, n)]
    if len(several) > 1:
        reader.refuse(
            f"says {' and '.join(f'{name}=True' for name in several)}",
            "say one of them.",
            place=declaration.said_at,
        )
    asked = {parameter.key for parameter in provider.parameters}
    if declaration.decorate and not asked.intersection(provider.keys):
        where = at(reader.written_at)
        meant = _meant_to_wrap(provider)
        reader.refuse(
            f"says decorate=True, but has no parameter of type {provider.key}",
            f"ask for what it wraps as {provider.key}: {meant.name}: {provider.key}{where}."
            if meant
            else f"add a parameter for what it wraps: inner: {provider.key}{where}.",
            place=declaration.said_at,
        )
        if meant:  # nobody is to miss what it asks for by mistake
            right = dataclasses.replace(meant, key=provider.key)
            parameters = [right if p is meant else p for p in provider.parameters]
            return dataclasses.replace(provider, parameters=tuple(parameters))
    return provider


def _meant_to_wrap(decorator: Provider) -> Parameter | None:
    """The parameter of *decorator* that can do all that its key can, if there is one."""
    wanted = {name for name in dir(decorator.key.form) if not name.startswith("_")}
    return next(
        (p for p in decorator.parameters if wanted and wanted <= set(dir(p.key.form))), None
    )


def _checked_against(declaration: Declaration, result: Any) -> Any:
    """The class that values are checked against, where that is cheap.

    `object` stands for anything but None; None for no check: the annotation admits it, or
    there is none, or the object is an instance of the class that was called.
    """
    if isinstance(declaration.target, type) and not declaration.enter:
        return None
    result = as_key(result).form
    while isinstance(result, typing.NewType):
        result = result.__supertype__
    if result in (MISSING, Any, object, None) or without_none(result)[1]:
        return None
    if get_origin(result) in (typing.Union, types.UnionType):
        return object
    cls = get_origin(result) or result
    # A metaclass may define what isinstance means: slowly (ABCMeta), or with surprises.
    if type(cls) is type and not isinstance(declaration.target, type):
        return cls
    return object if isinstance(cls, type) else None


def _keys(declaration: Declaration, reader: Reader, result: Any) -> tuple[Key, ...]:
    forms = declaration.provides or (result,)
    if forms[0] is MISSING or (not declaration.provides and result is types.NoneType):
        if not reader.problems:
            told = "returns None" if result is types.NoneType else None
            reader.problems.append(
                errors.UnannotatedError(
                    name=reader.name, parameter=None, place=reader.place, found=told
                )
            )
        return ()
    keys = [as_key(form) for form in forms]
    if declaration.name:
        keys = [Key(key.form, declaration.name) for key in keys]
    return tuple(keys)


def _kind(
    declaration: Declaration, reader: Reader, signature: Signature
) -> tuple[Kind, Any, Callable[..., Any]]:
    """How it is driven, what it gives, and what to call."""
    target = declaration.target
    if isinstance(target, type):
        return _kind_of_class(declaration, reader)
    result: Any = MISSING
    if signature.result is not MISSING:
        result = reader.read(signature.result, None)
    target = _undecorated(target)
    function = called_function(target)
    if inspect.isasyncgenfunction(function):
        return Kind.ASYNC_GENERATOR, _yielded(reader, Kind.ASYNC_GENERATOR, result), target
    if inspect.isgeneratorfunction(function):
        return Kind.GENERATOR, _yielded(reader, Kind.GENERATOR, result), target
    if _seems_to_yield(result):
        kind = _wrapped_kind(target, result)
        if kind is not None:
            return kind, get_args(result)[0], target
    return _kind_of_function(declaration, reader, result, target)


def _wrapped_kind(target: Any, result: Any) -> Kind | None:
    """How to drive what a decorated generator function gives; None if there is none behind."""
    is_async = get_origin(result) in _ITERATORS[Kind.ASYNC_GENERATOR]
    if _is_manager_helper(target):
        return Kind.ASYNC_MANAGER if is_async else Kind.MANAGER
    behind = inspect.unwrap(target)
    if inspect.isasyncgenfunction(behind):
        return Kind.ASYNC_GENERATOR
    return Kind.GENERATOR if inspect.isgeneratorfunction(behind) else None


def _kind_of_class(
    declaration: Declaration, reader: Reader
) -> tuple[Kind, Any, Callable[..., Any]]:
    cls = declaration.target
    if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
        reader.refuse(
            "is abstract and cannot be made",
            f"provide a class that implements it, and say provides={reader.name}.",
        )
    return _entered(declaration, reader, Kind.CALL, cls, cls)


def _kind_of_function(
    declaration: Declaration, reader: Reader, result: Any, target: Callable[..., Any]
) -> tuple[Kind, Any, Callable[..., Any]]:
    manager = _MANAGERS.get(_abstract(get_origin(result)))
    is_coroutine = inspect.iscoroutinefunction(called_function(target))
    kind = Kind.AWAIT if is_coroutine else Kind.CALL
    if declaration.provides is None and _seems_to_yield(result):
        reader.refuse(
            f"is annotated {spell(result)} but has no yield",
            "yield the object instead of returning it.",
            f"say provides={spell(result)}, if the iterator itself is to be provided.",
        )
        result = get_args(result)[0]  # what it was meant to provide, so that nobody misses it
    if manager is None or declaration.enter is False:
        return _entered(declaration, reader, kind, result, target)
    given = get_args(result)[0]
    return (
        (Kind.ASYNC_GENERATOR, given, _awaited_then_entered(target))
        if is_coroutine
        else (manager, given, target)
    )


def _seems_to_yield(result: Any) -> bool:
    return bool(get_args(result)) and any(
        get_origin(result) in each for each in _ITERATORS.values()
    )


def _entered(
    declaration: Declaration, reader: Reader, kind: Kind, result: Any, target: Callable[..., Any]
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
        reader.refuse(
            "says enter=True, but what it gives is not a context manager",
            "leave enter=True out.",
            "annotate what it really gives.",
            place=declaration.said_at,
        )
        return kind, result, target
    if kind is Kind.AWAIT:
        return Kind.ASYNC_GENERATOR, result, _awaited_then_entered(target)
    return manager, result, target


def _manager_kind(form: Any) -> Kind | None:
    """How to enter objects of the type *form*: asynchronously, where they offer both."""
    cls = form if isinstance(form, type) else get_origin(form)
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


def _yielded(reader: Reader, kind: Kind, result: Any) -> Any:
    if result is MISSING:
        return MISSING
    origin, arguments = get_origin(result), get_args(result)
    if origin in _ITERATORS[kind] and arguments:
        return arguments[0]
    wanted = "AsyncIterator" if kind is Kind.ASYNC_GENERATOR else "Iterator"
    reader.refuse(
        f"yields, but its result is not annotated {wanted}[...]",
        f"annotate it -> {wanted}[{spell(result)}], if that is what it yields."
        if (origin or result) not in _ANY_ITERATOR
        else f"annotate it -> {wanted}[{spell(arguments[0]) if arguments else 'T'}].",
    )
    return result


def _undecorated(target: Any) -> Any:
    """The generator function behind `@contextmanager` and `@asynccontextmanager`.

    Both helpers do no more than drive the generator, and so do we. Another decorator in
    between, or one of the kind of `ContextDecorator`, has something of its own to do.
    """
    inner = getattr(target, "__wrapped__", None)
    if not _is_manager_helper(target):
        return target
    is_generator = inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)
    return inner if is_generator else target


def _is_manager_helper(target: Any) -> bool:
    code = getattr(target, "__code__", None)
    return code is not None and (code.co_filename, code.co_name) == (contextlib.__file__, "helper")


def _abstract(origin: Any) -> Any:
    """`AbstractAsyncContextManager`, also where a class derives from it generically."""
    return origin if origin in _MANAGERS else None
