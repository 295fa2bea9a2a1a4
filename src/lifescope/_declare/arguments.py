"""What `provider`, `supplied` and `Container` are given, where the types of Python say no more.

Nothing else looks at it before something is made of it, far from where it is written.
"""

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any

from lifescope import errors
from lifescope._model.keys import as_key
from lifescope._model.names import Place, spell_callable
from lifescope._model.provider import Declaration
from lifescope._model.scopes import TRANSIENT

__all__ = ["is_form", "kind_of", "usable", "wrong_values"]

_NO_FORMS = (str, bytes, int, float, complex, list, tuple, set, frozenset, dict)
"""What is certainly no type form; there is no list of those that are, as libraries add to them."""


def is_form(form: Any) -> bool:
    """Whether *form* can be a key: a type, or what is written in place of one."""
    form = as_key(form).form
    return not (form is None or isinstance(form, _NO_FORMS) or inspect.isroutine(form))


def kind_of(given: object) -> str:
    """What *given* is, for a text: never its value."""
    if given is None:
        return "None"
    if inspect.isroutine(given):
        return f"the function {spell_callable(given)}"
    return f"an object of type {type(given).__qualname__.rpartition('<locals>.')[2]}"


def usable(declaration: Declaration) -> tuple[Declaration, list[errors.GraphError]]:
    """*declaration* without what is of the wrong type in it, and an error for each of that.

    The rest of it is read all the same, so that nobody is told of what follows.
    """
    problems: list[errors.GraphError] = []
    given: Any = declaration.scope
    if not isinstance(given, str):
        problems.append(_wrong(declaration, "scope", given, 'scope="request", in quotes'))
        declaration = dataclasses.replace(declaration, scope=TRANSIENT)
    given = declaration.name
    if not (given is None or isinstance(given, str)):
        problems.append(_wrong(declaration, "name", given, 'name="replica", in quotes'))
        declaration = dataclasses.replace(declaration, name=None)
    forms = declaration.provides or ()
    wrong = [form for form in forms if not is_form(form)]
    if wrong:
        named = "" if declaration.supplied else "provides"
        problems += [_wrong(declaration, named, form, _instead_of(form)) for form in wrong]
        right = tuple(form for form in forms if is_form(form))
        declaration = dataclasses.replace(declaration, provides=right or None)
    return declaration, problems


def _instead_of(form: Any) -> str:
    if isinstance(form, list | set | frozenset):
        return "several keys in a tuple: (One, Other)"
    if isinstance(form, str):
        return "the class itself, without quotes"
    return "a type"


def _wrong(
    declaration: Declaration, argument: str, given: object, right: str
) -> errors.InvalidProviderError:
    is_supplied = declaration.supplied
    name = "supplied()" if is_supplied else spell_callable(declaration.target)
    what = f"{argument}= with {kind_of(given)}" if argument else kind_of(given)
    return errors.InvalidProviderError(
        name=name,
        reason=f"is given {what}" if is_supplied else f"says {what}",
        place=declaration.said_at,
        fixes=[f"say {right}."],
    )


def wrong_values(forms: Iterable[Any], place: Place | None) -> list[errors.GraphError]:
    """What is wrong with the keys of `Container(values={...})`."""
    return [
        errors.InvalidProviderError(
            name="Container(values={...})",
            reason=f"has a key that is {kind_of(form)}, and not a type",
            place=place,
            fixes=[
                "say what type it is, with a name if it needs one: "
                'values={Annotated[str, Named("url")]: url}.',
            ],
        )
        for form in forms
        if not is_form(form)
    ]
