"""Found when a container is built, and when the routes of an app are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, get_origin

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, is_foreign, place_of, spell
from lifescope._model.provider import Link, Nearness, Provider, Suggestion
from lifescope.errors._base import LifescopeError

__all__ = [
    "AmbiguousContextManagerError",
    "CaptiveDependencyError",
    "CycleError",
    "DuplicateProviderError",
    "GraphError",
    "InvalidProviderError",
    "MissingProviderError",
    "NeverFilledError",
    "ScopeOrderError",
    "UnannotatedError",
    "UnknownScopeError",
    "UnresolvableAnnotationError",
    "UnusedProviderError",
    "close_to",
    "near",
]

_IN_FULL = 5
"""Of more problems than this, the others are only named, with their places."""

_AT_MOST = 15
"""More than this are only counted."""

_UNLIKELY = {Nearness.RELATED, Nearness.SIMILAR}
"""It may be close, and yet not what is meant."""

_OTHERS = 1
"""Of the others who ask for the same, so many are shown."""

_NAMED = 3
"""Of the providers that could go together with another one, so many are named."""


class GraphError(LifescopeError, code="LS100"):
    """Raised when a container is built from providers that cannot work together.

    A single mistake is raised as its own subclass; several are raised together as one
    `GraphError`. Either way `problems` holds every mistake that was found.

    Attributes:
        problems: The mistakes, each an instance of a subclass of GraphError.
        graph: The graph as far as it was understood, for `lifescope.render`; None where there
            is none, and in a copy and after pickling.
    """

    _problems: tuple["GraphError", ...] = ()
    graph: Any = None

    def __init__(self, problems: Sequence["GraphError"] = ()) -> None:
        super().__init__(*problems)
        self._problems = tuple(problems)

    def __copy__(self) -> Self:
        """Without the graph."""
        other = super().__copy__()
        other.graph = None
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the graph, which has a lock."""
        restore, (cls, args, state) = super().__reduce__()
        return restore, (cls, args, {**state, "graph": None})

    @property
    def problems(self) -> tuple["GraphError", ...]:
        """The mistakes; a single one is its own."""
        return self._problems or (self,)

    @classmethod
    def of(cls, problems: Sequence["GraphError"]) -> "GraphError":
        """The one problem itself, or all of them in one error."""
        return problems[0] if len(problems) == 1 else cls(problems)

    def describe(self, *, colour: bool = False, brief: bool = False) -> str:
        """The text of all problems, numbered; of many, the first in full, and the rest counted."""
        if not self._problems:
            return super().describe(colour=colour, brief=brief)
        style = _text.COLOUR if colour else _text.PLAIN
        in_full = 0 if brief else _IN_FULL
        width = _text.WIDTH - _text.numbers(len(self.problems))
        texts = [
            (_text.write if number < in_full else _text.brief)(p._told(), p.code, style, width)
            for number, p in enumerate(self.problems[:_AT_MOST])
        ]
        title = _text.write(self._told(), self.code, style)
        rest = len(self.problems) - _AT_MOST
        counted = f"... and {rest:,} more, in the error's `problems`" if rest > 0 else ""
        more = style.paint("faint", f"More on each: lifescope explain {self.problems[0].code}")
        return _text.join(title, _text.numbered(texts), counted, more)

    def as_data(self) -> dict[str, Any]:
        """The same for programs; where there are several, `problems` has one for each."""
        several = [problem.as_data() for problem in self._problems]
        return {**super().as_data(), **({"problems": several} if several else {})}

    def _report(self) -> _text.Report:
        return _text.Report(f"{len(self._problems)} problems")


@dataclass(eq=False, kw_only=True, repr=False)
class MissingProviderError(GraphError, LookupError, code="LS101"):
    """Raised when nothing provides a key.

    Attributes:
        key: What was asked for.
        chain: Who asked, from the entry point inwards; empty if asked with `get`.
        others: The chains of the others who ask for it, the shortest first.
        suggestions: What is close to it, and how.
        scope: The scope in which whoever asked lives, if that is known.
    """

    key: Key
    chain: Sequence[Link] = ()
    others: Sequence[Sequence[Link]] = ()
    suggestions: Sequence[Suggestion] = ()
    scope: str | None = None

    def _report(self) -> _text.Report:
        close = [close_to(self.key, suggestion) for suggestion in self.suggestions]
        return _text.Report(
            f"nothing provides {_named(self.key, self.suggestions)}",
            self.chain,
            f"nothing provides {_named(self.key, self.suggestions)}",
            [("Also asked for by:", _askers(self.others)), ("Close to it:", close)],
            _fixes_for_missing(self.key, self.suggestions, self.scope),
        )


@dataclass(eq=False, kw_only=True, repr=False)
class DuplicateProviderError(GraphError, code="LS102"):
    """Raised when two providers offer one key, and neither says `replace=True`.

    Attributes:
        key: The key.
        providers: All that provide it, in the order they were given.
    """

    key: Key
    providers: Sequence[Provider]

    def _report(self) -> _text.Report:
        replacing = [provider for provider in self.providers if provider.replace]
        last = self.providers[-1]
        fixes = [
            "remove one of them.",
            f"tell them apart: name=... in @provider, and {_asked_as(self.key, '...')} where one "
            f"is asked for.",
            f"contribute all of them to {_text.keys(last)}: many=True."
            if last.many
            else f"say many=True on each, and ask for list[{self.key}].",
        ]
        if replacing:
            fixes = ["keep replace=True on only one of them."]
        elif not last.many:
            fixes.insert(1, f"say replace=True on the one that is to be used, such as {last}.")
        return _text.Report(
            f"{self.key} is provided {len(self.providers)} times",
            lists=[("Provided by:", [f'{p}, scope "{p.scope}"' for p in self.providers])],
            fixes=fixes,
        )


@dataclass(eq=False, kw_only=True, repr=False)
class CycleError(GraphError, code="LS103"):
    """Raised when providers need each other in a circle.

    Attributes:
        chain: The circle; each needs the next, and the last needs the first.
        way: How an entry point gets there; empty if the circle begins with one, or has none.
        key: What the last one asks for.
    """

    chain: Sequence[Link]
    way: Sequence[Link] = ()
    key: Key | None = None

    def _report(self) -> _text.Report:
        first = self.chain[0].name
        middle = [link.name for link in self.chain[1:] if link.place]  # no lists, no handles
        shown = [*middle[:1], "...", middle[-1]] if len(middle) > 3 else middle
        path = " -> ".join([first, *shown, first])
        title = f"{first} needs itself: {path}"
        key = self.key or "T"
        fixes = [
            "move what they need of each other into a provider of its own.",
            f"look it up only where it is used: ask for Current[{key}] instead of {key}.",
            "hand one over to the other when both have been made.",
        ]
        if len(self.chain) == 1:
            title = f"{first} needs what it provides itself"
            fixes = [
                f"say decorate=True in @provider, if it is to wrap another {key}.",
                "correct the annotation, if something else is meant.",
            ]
        return _text.Report(
            title,
            [*self.way, *self.chain],
            f"{first}, again",
            fixes=fixes,
        )


@dataclass(eq=False, kw_only=True, repr=False)
class CaptiveDependencyError(GraphError, code="LS104"):
    """Raised when an object would keep another one beyond that one's lifetime.

    Attributes:
        outer: The longer-lived provider.
        inner: The shorter-lived provider that it needs.
        chain: The way from one to the other.
        others: The chains of the other longer-lived ones, where the same last step is wrong.
    """

    outer: Provider
    inner: Provider
    chain: Sequence[Link]
    others: Sequence[Sequence[Link]] = ()

    def _report(self) -> _text.Report:
        outer, inner = self.outer, self.inner
        wanted = _text.keys(inner) if inner.many else inner.key
        return _text.Report(
            f'{outer.name} ("{outer.scope}") would keep {inner.key} ("{inner.scope}") after its '
            f"end",
            self.chain,
            f'lives in the scope "{inner.scope}"',
            [("Also kept by:", _askers([chain[:1] for chain in self.others]))],
            fixes=[
                f'give {outer.name} the scope "{inner.scope}"{_at(outer.place)}.',
                f"pass {inner.key} to the method that needs it.",
                f"look it up each time it is used: ask for Current[{wanted}] instead of {wanted}.",
                f'give {inner.name} the scope "{outer.scope}"{_at(inner.place)}, if it may live '
                f"that long.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnannotatedError(GraphError, code="LS105"):
    """Raised when a parameter, or what a provider returns, has no annotation.

    Attributes:
        name: The function or class, as its author wrote it.
        parameter: The parameter, or None if it is the result.
        place: Where it is written.
        found: What stands there instead of a usable annotation, if anything.
        signature: The names of all its parameters.
    """

    name: str
    parameter: str | None
    place: Place | None
    found: str | None = None
    signature: Sequence[str] = ()

    def _report(self) -> _text.Report:
        if self.parameter is not None:
            return _text.Report(
                f'parameter "{self.parameter}" of {self.name} has no annotation',
                _written(self.name, self.place, self.parameter, self.signature),
                "what is to be passed here?",
                fixes=[
                    f"annotate it with the type to pass: {self.parameter}: Type.",
                    "give it a default, which it then keeps.",
                ],
            )
        told = f", but {self.found}" if self.found else ""
        return _text.Report(
            f"the result of {self.name} is not annotated{told}",
            _written(self.name, self.place),
            fixes=[
                "annotate what it returns or yields: that is the key under which others ask "
                "for it.",
                "say provides=... in @provider.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnresolvableAnnotationError(GraphError, code="LS106"):
    """Raised when an annotation names something that does not exist where it is written.

    Attributes:
        name: The function or class.
        parameter: The parameter, or None if it is the result.
        annotation: The annotation's text.
        reason: What went wrong, in Python's words.
        place: Where it is written.
        signature: The names of all its parameters.
    """

    name: str
    parameter: str | None
    annotation: str
    reason: str
    place: Place | None
    signature: Sequence[str] = ()

    def _report(self) -> _text.Report:
        what = f'"{self.parameter}" in' if self.parameter is not None else "the result of"
        return _text.Report(
            f'cannot read the annotation "{self.annotation}" of {what} {self.name}',
            _written(self.name, self.place, self.parameter or "", self.signature),
            self.reason if self.parameter else "",
            [] if self.parameter else [("Python says:", [self.reason])],
            fixes=[
                "import the name at run time too: an import under TYPE_CHECKING is not enough.",
                "correct it, if it is misspelled.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class AmbiguousContextManagerError(GraphError, code="LS107"):
    """Raised when a provider gives a context manager and does not say whether to enter it.

    Attributes:
        name: The function or class.
        form: The context manager's type.
        place: Where it is declared.
    """

    name: str
    form: Any
    place: Place | None

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.name} gives {spell(self.form)}, which is itself a context manager",
            _written(self.name, self.place),
            fixes=[
                "say enter=True in @provider to enter it, and leave it when the scope ends.",
                "say enter=False to pass it on as it is.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnknownScopeError(GraphError, code="LS108"):
    """Raised when a scope is named that the container does not have.

    Attributes:
        scope: The name.
        known: The container's scopes, widest first.
        name: Who named it.
        place: Where, if that is known.
    """

    scope: str
    known: Sequence[str]
    name: str = ""
    place: Place | None = None

    def _report(self) -> _text.Report:
        by = f" for {self.name}" if self.name else ""
        known = ", ".join(f'"{name}"' for name in self.known)
        meant = near(self.scope, self.known)
        quoted = ", ".join(f'"{n}"' for n in (*self.known[:1], self.scope, *self.known[1:3]))
        return _text.Report(
            f'there is no scope "{self.scope}"{by}',
            _written(self.name, self.place) if self.place else (),
            lists=[("The scopes of the container:", [known])],
            fixes=[
                *([f'say "{meant}", if you meant that.'] if meant else []),
                f"declare it, the widest first: Container(..., scopes=({quoted}, ...)).",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class NeverFilledError(GraphError, code="LS109"):
    """Raised when nobody fills the `Inject[T]` parameters of an endpoint.

    The framework would take them for something of its own, such as the body of the request.

    Attributes:
        name: The endpoint.
        parameters: Their names.
        place: Where it is written.
        chain: The way to it: the route, the functions in between.
        signature: The names of all its parameters.
    """

    name: str
    parameters: Sequence[str]
    place: Place | None = None
    chain: Sequence[Link] = ()
    signature: Sequence[str] = ()

    def _report(self) -> _text.Report:
        names = ", ".join(f'"{name}"' for name in self.parameters)
        first = self.parameters[0] if self.parameters else ""
        return _text.Report(
            f"nobody fills {names} of {self.name}",
            [*self.chain, *_written(self.name, self.place, first, self.signature)],
            "nothing wraps this function",
            fixes=[
                "put @inject on it, below the framework's own decorator.",
                "with FastAPI, take Inject from its adapter:\n"
                "from lifescope.integrations.fastapi import Inject",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class InvalidProviderError(GraphError, code="LS110"):
    """Raised when something cannot be a provider, or cannot be a source of a container.

    Attributes:
        name: What it is.
        reason: Why it cannot, as the rest of a sentence that begins with its name.
        place: Where it is written.
        fix: What to do, if there is one thing to do.
    """

    name: str
    reason: str
    place: Place | None = None
    fix: str = ""

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.name} {self.reason}",
            _written(self.name, self.place) if self.place else (),
            fixes=[self.fix] if self.fix else [],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ScopeOrderError(GraphError, code="LS111"):
    """Raised when a key is asked for in a scope that is wider than the key's own.

    Attributes:
        key: What was asked for.
        scope: The key's scope.
        asked_in: The scope that was asked.
        provider: The provider, or the one that it needs, that is in the narrower scope.
        place: Where that is written.
        chain: Who asked, if it was an endpoint or a factory.
    """

    key: Key | None
    scope: str
    asked_in: str
    provider: str
    place: Place | None = None
    chain: Sequence[Link] = ()

    def _report(self) -> _text.Report:
        if not self.provider:
            return self._of_scopes()
        inside = f'ask inside such a scope: async with scope.open("{self.scope}") as inner: ...'
        longer = f'give {self.provider} the scope "{self.asked_in}", if it may live that long.'
        if self.key is None:  # a function, whose parameters they are
            return _text.Report(
                f'{self.provider} needs the scope "{self.scope}", but only '
                f'"{self.asked_in}" is open',
                self.chain,
                fixes=[inside],
            )
        lives = [Link(self.provider, self.place, self.scope)] if self.place else []
        return _text.Report(
            f'{self.key} needs the scope "{self.scope}", but was asked for in "{self.asked_in}"',
            [*self.chain, *lives],
            f'needs the scope "{self.scope}"',
            fixes=[inside, longer],
        )

    def _of_scopes(self) -> _text.Report:
        if not self.scope:
            return _text.Report(
                f'no scope is narrower than "{self.asked_in}", so none can be opened in it',
                fixes=["name one more: Container(..., scopes=(...)), the widest first."],
            )
        return _text.Report(
            f'the scope "{self.scope}" cannot be opened in the scope "{self.asked_in}"',
            fixes=["open it in a wider one, such as scope.parent: only narrower ones open in it."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnusedProviderError(GraphError, code="LS112"):
    """Raised with `lifescope check --strict` when nothing that is known asks for a provider.

    Without it, it is a warning. Who asks with `get`, nobody knows before it happens.

    Attributes:
        provider: The provider.
        others: What nothing else than this one needs.
    """

    provider: Provider
    others: Sequence[Provider] = ()

    def _report(self) -> _text.Report:
        provider = self.provider
        return _text.Report(
            f"nothing asks for {_text.keys(provider)}",
            [Link(provider.name, provider.place, provider.scope)],
            lists=[("Needed by nothing else:", _some(self.others))],
            fixes=[
                "remove it, or leave its module out of the container.",
                "say eager=True, if it is there for what it does.",
            ],
        )


# --- parts of reports -------------------------------------------------------------------------


def near(name: str, known: Sequence[str]) -> str | None:
    """The one of *known* that is spelled like *name*, if there is one."""
    import difflib  # only where something is wrong already

    return next(iter(difflib.get_close_matches(name, known, 1, 0.6)), None)


def _at(place: Place | None) -> str:
    return f" ({place})" if place else ""


def _written(
    name: str, place: Place | None, parameter: str = "", signature: Sequence[str] = ()
) -> list[Link]:
    """The one step of a chain that says where something is written."""
    return [Link(name, place, parameter=parameter, signature=tuple(signature))]


def _askers(chains: Sequence[Sequence[Link]]) -> list[str]:
    """Who asks, at the end of each chain; of many, the first."""
    shown = [
        f'{chain[-1].name}{_at(chain[-1].place)}, parameter "{chain[-1].parameter}"'
        for chain in chains[:_OTHERS]
    ]
    rest = len(chains) - _OTHERS
    return [*shown, f"and {rest:,} more"] if rest > 0 else shown


def _some(providers: Sequence[Provider]) -> list[str]:
    """The first of them, and how many more there are."""
    rest = len(providers) - _NAMED
    return [*map(str, providers[:_NAMED]), *([f"and {rest:,} more"] if rest > 0 else [])]


def _asked_as(key: Key, name: str | None) -> str:
    """How a parameter asks for *key* under another name."""
    if name is None:
        return spell(key.form)
    quoted = name if name == "..." else f'"{name}"'
    return f"Annotated[{spell(key.form)}, Named({quoted})]"


def _named(key: Key, suggestions: Sequence[Suggestion]) -> str:
    """The key; with its module, where another one is called the same."""
    is_ambiguous = any(s.nearness is Nearness.SPELLED_ALIKE for s in suggestions)
    return _qualified(key) if is_ambiguous else str(key)


def _qualified(key: Key) -> str:
    module = getattr(get_origin(key.form) or key.form, "__module__", "")
    return f"{module}.{key}" if module else str(key)


def close_to(key: Key, suggestion: Suggestion) -> str:
    """Who provides something close to *key*, where, and how it is close."""
    provider, nearness = suggestion.provider, suggestion.nearness
    is_alike = nearness is Nearness.SPELLED_ALIKE
    offered = _qualified(provider.key) if is_alike else _text.keys(provider)
    gives = "" if offered in (provider.name, str(key)) else f"{offered}, "
    return f'{provider}, scope "{provider.scope}": {gives}{nearness.value}'


def _fixes_for_missing(key: Key, suggestions: Sequence[Suggestion], scope: str | None) -> list[str]:
    likely = [s for s in suggestions if s.nearness not in _UNLIKELY]
    fixes = [_fix_by(key, suggestion) for suggestion in likely][:2]
    where = f'"{scope}"' if scope else "..."
    place = _own_class(key)
    spelled = spell(key.form)
    is_left_out = any(s.nearness is Nearness.LEFT_OUT for s in suggestions)
    if key.name is None and spelled in ("str", "int", "bytes", "float", "bool", "Path"):
        fixes.append(
            f"say which {spelled}: {_asked_as(key, 'what_for')}, and provide it under that name."
        )
    elif place is not None and key.name is None and not is_left_out:
        fixes.append(f"put @provider(scope={where}) on the class {spelled} ({place}).")
    named = "" if key.name is None else f', name="{key.name}"'
    fixes += [
        f"give Container(...) a function marked @provider(scope={where}{named}) that returns or "
        f"yields {spelled}.",
        f"declare supplied({spelled}, scope={where}{named}), if it is handed in when the scope "
        f"opens.",
    ]
    unlikely = [s for s in suggestions if s.nearness in _UNLIKELY]
    return fixes + [_fix_by(key, suggestion) for suggestion in unlikely][:1]


def _fix_by(key: Key, suggestion: Suggestion) -> str:
    """What to do if *suggestion* is what was meant."""
    provider, nearness = suggestion.provider, suggestion.nearness
    match nearness:
        case Nearness.LEFT_OUT:
            name = provider.name.removesuffix("()")
            return f"pass it on: Container(..., {name}), or its module."
        case Nearness.OTHER_NAME:
            return f"ask for {_asked_as(key, provider.key.name)}."
        case Nearness.SUBCLASS | Nearness.PROTOCOL:
            return f"say provides={spell(key.form)} in @provider of {provider}."
        case Nearness.SPELLED_ALIKE:
            return f"import {spell(key.form)} from {_qualified(provider.key).rpartition('.')[0]}."
        case _:
            return f"ask for {_text.keys(provider)}, if that is meant."


def _own_class(key: Key) -> Place | None:
    """Where the class is written that is the key, if a mark can be put on it there."""
    cls = key.form
    if not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return None
    return None if is_foreign(cls) else place_of(cls)
