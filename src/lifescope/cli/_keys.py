"""KEY on the command line: from what people write to a key, and to the provider of it."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from lifescope._graph.generics import pattern_of
from lifescope._graph.graph import Graph
from lifescope._graph.validate import edge_for
from lifescope._model.keys import Key, list_of
from lifescope._model.names import spell, unwrap
from lifescope._model.provider import Entry, Parameter, Provider

__all__ = ["Found", "UnknownKeyError", "find", "qualified"]

_ANNOTATED = re.compile(r"""(?:[\w.]+\.)?Annotated\[(.+),(?:[\w.]+\.)?Named\((["'])(.+)\2\)]""")
_IN_MESSAGES = re.compile(r"""(.+)\(named"(.+)"\)""")
_WITH_NAME = re.compile(r"([^:]+):([^:]+)")
_TOKENS = re.compile(r"[\w.]+|[^\w\s]")

_AT_MOST = 5


class Found(NamedTuple):
    """What a KEY stands for.

    Attributes:
        key: What is asked for.
        provider: Who provides it.
        passed: What is passed to whoever asks: *provider*, or the outermost decorator of it.
    """

    key: Key
    provider: Provider
    passed: Provider


class UnknownKeyError(Exception):
    """No key, or more than one, is written like that; the text says which there are."""


def find(graph: Graph, entries: Sequence[Entry], text: str) -> Found:
    """What *text* stands for: a key, or the name of a provider's function.

    Raises:
        UnknownKeyError: Nothing is written like that, or several are.
    """
    form, name = _parsed(text)
    fitting = [
        each for each in _keys(graph, entries) if _is_written(form, qualified(each.key.form))
    ]
    chosen = [each for each in fitting if each.key.name == name]
    if not chosen and name is None:
        called = form.removesuffix("()")
        chosen = [each for each in _functions(graph) if _is_written(called, _full_name(each))]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise UnknownKeyError(_sentence(f'"{text}" may be', chosen))
    if fitting:
        raise UnknownKeyError(_sentence(f'"{text}" is provided as', fitting))
    called = form.removesuffix("()")
    if any(each.name.removesuffix("()").rpartition(".")[2] == called for each in entries):
        raise UnknownKeyError(
            f'"{text}" asks for things and provides none: lifescope plan says what it asks for'
        )
    near = _near(form, [*_keys(graph, entries), *_functions(graph)])
    raise UnknownKeyError(_sentence(f'nothing provides "{text}"', near, "; there is"))


def qualified(form: Any) -> str:
    """*form* with the modules of its classes."""
    if get_origin(form) is not None and hasattr(get_origin(form), "__qualname__"):
        arguments = ", ".join(qualified(argument) for argument in get_args(form))
        return f"{qualified(get_origin(form))}[{arguments}]"
    module = getattr(form, "__module__", "builtins")
    return spell(form) if module in ("builtins", "typing") else f"{module}.{spell(form)}"


def _parsed(text: str) -> tuple[str, str | None]:
    """The type form, and the name that qualifies it."""
    squeezed = "".join(text.split())
    for pattern in (_ANNOTATED, _IN_MESSAGES, _WITH_NAME):
        if match := pattern.fullmatch(squeezed):
            return match[1], match[match.re.groups]
    return squeezed, None


def _is_written(text: str, full: str) -> bool:
    """Whether *text* says *full*, where modules may be left out: `Repo[shop.Order]`."""
    ours, theirs = _TOKENS.findall(text), _TOKENS.findall(full)
    return len(ours) == len(theirs) and all(
        b == a or b.endswith(f".{a}") for a, b in zip(ours, theirs, strict=True)
    )


def _keys(graph: Graph, entries: Iterable[Entry]) -> list[Found]:
    """What is provided, and all that is asked for, each once."""
    keys: dict[Key, None] = {}
    for provider in [*graph.declared, *graph.providers]:
        if not provider.kind.is_relation:
            keys |= dict.fromkeys(list_of(k) if provider.many else k for k in provider.keys)
            keys |= dict.fromkeys(parameter.key for parameter in provider.parameters)
    for entry in entries:
        keys |= dict.fromkeys(parameter.key for parameter in entry.parameters)
    open_ones = {
        key: provider
        for provider in graph.declared
        if not (provider.many or provider.decorate)
        for key in (*provider.keys, *getattr(pattern_of(provider), "keys", ()))
    }
    keys |= dict.fromkeys(open_ones)
    found: list[Found] = []
    for key in keys:
        edge = edge_for(graph, Parameter("", key))
        passed = (edge.provider if edge is not None else None) or open_ones.get(key)
        if passed is not None and not passed.kind.is_relation:
            found.append(Found(key, graph.index.base(key) or passed, passed))
    return found


def _functions(graph: Graph) -> list[Found]:
    """Whoever provides something, for those who ask by the name of the function."""
    return [Found(provider.key, provider, provider) for provider in graph.declared]


def _full_name(found: Found) -> str:
    target: Any = unwrap(found.provider.target)
    return f"{getattr(target, '__module__', '')}.{found.provider.name.removesuffix('()')}"


def _near(form: str, known: Sequence[Found]) -> list[Found]:
    """What is spelled like *form*, the closest first."""
    wanted = form.rpartition(".")[2].removesuffix("()").lower()
    spellings: dict[str, Found] = {}
    for found in known:
        spellings.setdefault(spell(found.key.form).lower(), found)
        spellings.setdefault(found.provider.name.removesuffix("()").lower(), found)
    close = difflib.get_close_matches(wanted, spellings, _AT_MOST, 0.6)
    holding = [each for each in spellings if wanted in each]
    return list({id(f.provider): f for f in (spellings[s] for s in [*close, *holding])}.values())


def _sentence(before: str, several: Sequence[Found], between: str = "") -> str:
    texts = list(dict.fromkeys(map(_written, several)))
    if not texts:
        return before
    more = ", ..." if len(texts) > _AT_MOST else ""
    return f"{before}{between} {', '.join(texts[:_AT_MOST])}{more}"


def _written(found: Found) -> str:
    """How to ask for exactly this."""
    name = f":{found.key.name}" if found.key.name is not None else ""
    if found.provider.many and found.provider.key == found.key:
        return f"list[{qualified(found.key.form)}]{name}"
    return f"{qualified(found.key.form)}{name}"
