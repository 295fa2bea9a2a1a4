"""Open generics: a provider of `Repo[T]` serves `Repo[User]`. Pure functions on type forms."""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from lifescope._model.keys import Key
from lifescope._model.provider import Parameter, Provider

__all__ = [
    "canonical",
    "closed_part",
    "depth",
    "instantiate",
    "is_open",
    "match",
    "most_specific",
    "pattern_of",
]

_Binding = dict[Any, Any]


def is_open(form: Any) -> bool:
    """Whether type variables are left in *form*: `Repo[T]`, but not `Repo` nor `Repo[User]`."""
    if isinstance(form, type):
        return False
    return isinstance(form, TypeVar) or bool(
        get_origin(form) is not None and getattr(form, "__parameters__", ())
    )


def pattern_of(provider: Provider) -> Provider | None:
    """*provider* as one of an open generic; None if all of its keys stand for themselves.

    A generic class that is its own provider, `class Repo(Generic[T])`, provides `Repo[T]`.
    """
    for key in provider.keys:
        if is_open(key.form):
            return provider
    own: Any = provider.target
    variables = getattr(own, "__parameters__", ())
    if isinstance(own, type) and variables and provider.key.form is own:
        form: Any = own
        return dataclasses.replace(provider, keys=(Key(form[variables], provider.key.name),))
    return None


def canonical(key: Key) -> Key:
    """*key* with its type variables numbered, so that equal patterns are equal."""
    variables = getattr(key.form, "__parameters__", ()) if is_open(key.form) else ()
    if not variables:
        return key
    numbered = {
        variable: _Numbered(number, variable.__bound__, variable.__constraints__)
        for number, variable in enumerate(variables)
    }
    return Key(("generic", _parts(key.form, numbered)), key.name)


class _Numbered(NamedTuple):
    number: int
    bound: Any
    constraints: tuple[Any, ...]


def _parts(form: Any, numbered: Mapping[Any, _Numbered]) -> Any:
    if isinstance(form, TypeVar):
        return numbered.get(form, form)
    if get_origin(form) is None:
        return form
    return (get_origin(form), tuple(_parts(argument, numbered) for argument in get_args(form)))


def match(pattern: Any, form: Any, binding: _Binding) -> bool:
    """Whether *form* is *pattern* with its type variables replaced; *binding* says by what."""
    if isinstance(pattern, TypeVar):
        if pattern in binding:
            return bool(binding[pattern] == form)
        binding[pattern] = form
        return _admits(pattern, form)
    if get_origin(pattern) is None:
        return bool(pattern == form)
    ours, theirs = get_args(pattern), get_args(form)
    return (
        get_origin(pattern) == get_origin(form)
        and len(ours) == len(theirs)
        and all(match(mine, other, binding) for mine, other in zip(ours, theirs, strict=True))
    )


def _admits(variable: TypeVar, form: Any) -> bool:
    """Whether the bound and the constraints of *variable* allow *form*."""
    if variable.__constraints__:
        return form in variable.__constraints__
    bound, cls = variable.__bound__, get_origin(form) or form
    bound = get_origin(bound) or bound
    if not (isinstance(bound, type) and isinstance(cls, type)):
        return True  # no bound, or one that only a type checker understands
    try:
        return issubclass(cls, bound)
    except TypeError:  # a protocol that is not for run time
        return True


def most_specific(candidates: Collection[tuple[Provider, Any]]) -> list[Provider]:
    """Of providers with the patterns that fit, those that no other is more specific than."""
    return [
        provider
        for provider, pattern in candidates
        if not any(
            other is not provider and match(pattern, theirs, {}) and not match(theirs, pattern, {})
            for other, theirs in candidates
        )
    ]


def instantiate(provider: Provider, binding: _Binding, provided: Any) -> Provider:
    """*provider* with its type variables replaced.

    A parameter `type[T]` gets the class itself, unless *provided* says that a provider does
    it: nothing else tells an open provider what it is asked for.
    """
    parameters: list[Parameter] = []
    classes: dict[str, Any] = {}
    for parameter in provider.parameters:
        if not is_open(parameter.key.form):
            parameters.append(parameter)
            continue
        key = Key(_substitute(parameter.key.form, binding), parameter.key.name)
        if _is_class_of_variable(parameter.key.form) and not provided(key):
            classes[parameter.name] = get_args(key.form)[0]
        else:
            parameters.append(dataclasses.replace(parameter, key=key))
    keys = tuple(Key(_substitute(key.form, binding), key.name) for key in provider.keys)
    target = functools.partial(provider.target, **classes) if classes else provider.target
    return dataclasses.replace(provider, keys=keys, parameters=tuple(parameters), target=target)


def closed_part(provider: Provider) -> Provider:
    """*provider* with only those parameters that are the same whatever the type variables are."""
    closed = [parameter for parameter in provider.parameters if not is_open(parameter.key.form)]
    return dataclasses.replace(provider, parameters=tuple(closed))


def _is_class_of_variable(form: Any) -> bool:
    return get_origin(form) is type and isinstance(get_args(form)[0], TypeVar)


def _substitute(form: Any, binding: _Binding) -> Any:
    if isinstance(form, TypeVar):
        return binding.get(form, form)
    if not is_open(form):
        return form
    return form[tuple(binding.get(variable, variable) for variable in form.__parameters__)]


def depth(forms: Iterable[Any]) -> int:
    """How deep the arguments of the deepest of *forms* are nested."""
    level, deepest = list(forms), 0
    while level:
        deepest += 1
        level = [argument for form in level for argument in get_args(form)]
    return deepest
