"""What to do about a key that nothing provides, the most likely first."""

from collections.abc import Iterator, Sequence
from typing import Any, get_origin

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, at, is_foreign, place_of, spell
from lifescope._model.provider import Nearness, Suggestion

__all__ = ["asked_as", "close_to", "is_text", "named", "ways_out"]

_UNLIKELY = {Nearness.RELATED, Nearness.SIMILAR}
"""It may be close, and yet not what is meant."""

_PLAIN = ("str", "int", "bytes", "float", "bool", "Path")
"""Types that say nothing of what the value is for."""


def ways_out(missing: Any) -> list[str]:
    """What to do about *missing*, a `MissingProviderError`."""
    if is_text(missing.key):
        return [f"ask for the class itself, without quotes: {missing.key}."]
    likely = [s for s in missing.suggestions if s.nearness not in _UNLIKELY]
    unlikely = [s for s in missing.suggestions if s.nearness in _UNLIKELY]
    if not likely and not missing.by_class and _is_class(missing.key):
        likely, unlikely = unlikely, likely  # the class itself is nothing to provide
    close = [*dict.fromkeys(_way_by(missing, s) for s in likely)][:2]
    far = [*dict.fromkeys(_way_by(missing, s) for s in unlikely)][: 1 if likely else 2]
    fixes: list[str] = []
    container = at(missing.container)
    for fix in (*close, *_providing(missing), *far):
        # Where the container is made is said once.
        is_said = container and any(container in other for other in fixes)
        fixes.append(fix.replace(container, "") if is_said else fix)
    return fixes


def _providing(missing: Any) -> Iterator[str]:
    """To have it provided, in three ways."""
    key: Key = missing.key
    spelled, container = spell(key.form), at(missing.container)
    plain = key.name is None and spelled in _PLAIN
    name = missing.chain[-1].parameter if plain and missing.chain else key.name
    told = f"scope={_scope(missing)}{_name(name)}"
    made = f"a function marked @provider({told}) that returns or yields {spelled}"
    if plain:
        asked = f"say which {spelled}: {asked_as(key, name or '...')}{at(missing.asked_at)}"
        yield f"{asked}, and give Container(...){container} {made}."
        return
    handed_in = f"supplied({spelled}, {told}){container}, and hand it in when the scope opens"
    if missing.by_class == "handed in":
        yield f"give Container(...) {handed_in}: values={{{asked_as(key, key.name)}: ...}}."
    place = _own_class(key)
    if missing.by_class and place and not _is_left_out(missing.suggestions):
        yield (
            f"put @provider({told}) on the class {spelled}{at(place)}, and give it to "
            f"Container(...){container}."
        )
    yield f"give Container(...){container} {made}."
    if missing.by_class != "handed in":
        yield f"give Container(...) {handed_in}."


def _way_by(missing: Any, suggestion: Suggestion) -> str:
    """What to do if *suggestion* is what was meant."""
    key: Key = missing.key
    provider, nearness = suggestion.provider, suggestion.nearness
    here = at(missing.asked_at)
    theirs = asked_as(provider.key, provider.key.name)
    match nearness:
        case Nearness.LEFT_OUT:
            return f"pass it on: Container(..., {suggestion.source}){at(missing.container)}."
        case Nearness.UNMARKED:
            return (
                f"put @provider(scope={_scope(missing)}{_name(key.name)}) on {provider}, and give "
                f"it to Container(...){at(missing.container)}, alone or with its module."
            )
        case Nearness.FIELD:
            field = missing.chain[-1].parameter
            return f"ask for {theirs}{here}, and take its {field}."
        case Nearness.OTHER_NAME:
            if missing.others and key.name is not None:  # several have spelled it so
                return f"say name={_quoted(key.name)} in @provider of {_said(provider)}."
            return f"ask for {asked_as(key, provider.key.name)}{here}."
        case Nearness.OTHER_TYPE:
            return f"ask for {theirs}{here}."
        case Nearness.OPTIONAL:
            return f"ask for {theirs}{here}, and expect None."
        case Nearness.LISTED:
            return f"ask for list[{theirs}]{here}."
        case Nearness.SUBCLASS | Nearness.PROTOCOL:
            return f"say provides={spell(key.form)} in @provider of {_said(provider)}."
        case Nearness.SPELLED_ALIKE:
            module = _qualified(provider.key).rpartition(".")[0]
            return f"import {spell(key.form)} from {module}{at(missing.imported_at)}."
        case Nearness.BOUND:
            forms = [s.provider.key for s in missing.suggestions if s.nearness is Nearness.RELATED]
            such = f", such as {forms[0]}" if forms else ""
            types = suggestion.source or "types that fit"
            return f"correct the type argument{here}: it is for {types}{such}."
        case _:
            listed = _text.keys(provider) if provider.many else theirs
            return f"ask for {listed}{here}, if that is meant."


def close_to(key: Key, suggestion: Suggestion) -> str:
    """Who provides something close to *key*, where, and how it is close."""
    provider, nearness = suggestion.provider, suggestion.nearness
    is_alike = nearness is Nearness.SPELLED_ALIKE
    offered = _qualified(provider.key) if is_alike else _text.keys(provider)
    gives = "" if offered in (provider.name, str(key)) else f"{offered}, "
    scope = "" if nearness is Nearness.UNMARKED else f', scope "{provider.scope}"'
    said = nearness.value
    if nearness is Nearness.BOUND and suggestion.source:
        gives, said = "", f"the same generic class, but only for {suggestion.source}"
    return f"{provider}{scope}: {gives}{said}"


def named(key: Key, suggestions: Sequence[Suggestion]) -> str:
    """The key; with its module, where another one is called the same."""
    is_ambiguous = any(s.nearness is Nearness.SPELLED_ALIKE for s in suggestions)
    return _qualified(key) if is_ambiguous else str(key)


def asked_as(key: Key, name: str | None) -> str:
    """How a parameter asks for *key* under another name."""
    if name is None:
        return spell(key.form)
    quoted = name if name == "..." else _quoted(name)
    return f"Annotated[{spell(key.form)}, Named({quoted})]"


def is_text(key: Key) -> bool:
    """Whether *key* is the name of something, where only that itself is a key."""
    return isinstance(key.form, str)


def _qualified(key: Key) -> str:
    module = getattr(get_origin(key.form) or key.form, "__module__", "")
    return f"{module}.{key}" if module else str(key)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _name(name: str | None) -> str:
    return f", name={_quoted(name)}" if name is not None else ""


def _scope(missing: Any) -> str:
    return _quoted(missing.scope) if missing.scope else "..."


def _said(provider: Any) -> str:
    """A provider with the place of its `@provider`."""
    return f"{provider.name}{at(provider.said_at or provider.place)}"


def _is_left_out(suggestions: Sequence[Suggestion]) -> bool:
    return any(s.nearness is Nearness.LEFT_OUT for s in suggestions)


def _is_class(key: Key) -> bool:
    return isinstance(key.form, type)


def _own_class(key: Key) -> Place | None:
    """Where the class is written that is the key, if a mark can be put on it there."""
    cls = key.form
    if key.name is not None or not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return None
    return None if is_foreign(cls) else place_of(cls)
