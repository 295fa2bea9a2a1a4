"""Found when a container is built, and when the routes of an app are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, get_origin

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, at, spell
from lifescope._model.provider import Link, Provider, Suggestion
from lifescope._model.relations import RELATIONS, relation_of
from lifescope._model.scopes import TRANSIENT
from lifescope.errors._base import LifescopeError
from lifescope.errors._missing import asked_as, close_to, is_text, named, ways_out

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
]

_IN_FULL = 5
"""Of more problems than this, the others are only named, with their places."""

_AT_MOST = 15
"""More than this are only counted."""

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
        asked_at: Where the parameter is written, if that is not the place in the chain.
        imported_at: Where the key is imported by whoever asks.
        container: Where the container is made.
        by_class: What the key's own class could be: "made", as all that it asks for is there;
            "handed in", as it holds plain values; or nothing.
        also: Other keys that are missing for the same reason.
    """

    key: Key
    chain: Sequence[Link] = ()
    others: Sequence[Sequence[Link]] = ()
    suggestions: Sequence[Suggestion] = ()
    scope: str | None = None
    asked_at: Place | None = None
    imported_at: Place | None = None
    container: Place | None = None
    by_class: str = "made"
    also: Sequence[Key] = ()

    def _report(self) -> _text.Report:
        suggestions = () if is_text(self.key) else self.suggestions
        close = [close_to(self.key, suggestion) for suggestion in suggestions]
        return _text.Report(
            f"nothing provides {named(self.key, self.suggestions)}",
            self.chain,
            f"nothing provides {named(self.key, self.suggestions)}",
            [
                ("Also asked for by:", _askers(self.others)),
                ("Close to it:", close),
                (
                    "Missing for the same reason:",
                    [", ".join(map(str, self.also))][: len(self.also)],
                ),
            ],
            ways_out(self),
        )


@dataclass(eq=False, kw_only=True, repr=False)
class DuplicateProviderError(GraphError, code="LS102"):
    """Raised when two providers offer one key, and neither says `replace=True`.

    Attributes:
        key: The key.
        providers: All that provide it, in the order they were given.
        wraps: The one of them that asks for the key itself.
        lists: Who asks for a list of it.
        misses: Who asks for it under a name that nothing has ...
        missing: ... and this name.
    """

    key: Key
    providers: Sequence[Provider]
    wraps: Provider | None = None
    lists: Provider | None = None
    misses: Link | None = None
    missing: str = ""

    def _report(self) -> _text.Report:
        replacing = [provider for provider in self.providers if provider.replace]
        last = self.providers[-1]
        meant = self._meant()
        fixes = [*meant, "remove one of them."]
        if replacing:
            fixes = ["keep replace=True on only one of them."]
        elif not last.many:
            used = f"{last.name}{_said_at(last)}"
            fixes.append(f"say replace=True on the one that is to be used, such as {used}.")
        if not meant:
            fixes += [
                f"tell them apart: name=... in @provider, and {asked_as(self.key, '...')} where "
                f"one is asked for.",
                f"contribute all of them to {_text.keys(last)}: many=True."
                if last.many
                else f"say many=True on each, and ask for list[{self.key}].",
            ][: 0 if replacing else 2]
        return _text.Report(
            f"{self.key} is provided {len(self.providers)} times",
            lists=[("Provided by:", [f'{p}, scope "{p.scope}"' for p in self.providers])],
            fixes=fixes,
        )

    def _meant(self) -> list[str]:
        """What the others ask for tells what these were to be."""
        fixes: list[str] = []
        if self.misses is not None:
            fixes.append(
                f'say name="{self.missing}" in @provider of the one that '
                f"{self.misses.name}{at(self.misses.place)} asks for."
            )
        elif self.wraps is not None:
            wraps = f"{self.wraps.name}{_said_at(self.wraps)}"
            fixes.append(
                f"say decorate=True in @provider of {wraps}, if it is to wrap the other one."
            )
        elif self.lists is not None and not self.providers[-1].many:
            fixes.append(
                f"say many=True on each: {self.lists.name}{at(self.lists.place)} asks for "
                f"list[{self.key}]."
            )
        return fixes


@dataclass(eq=False, kw_only=True, repr=False)
class CycleError(GraphError, code="LS103"):
    """Raised when providers need each other in a circle.

    Attributes:
        chain: The circle; each needs the next, and the last needs the first.
        way: How an entry point gets there; empty if the circle begins with one, or has none.
        keys: What each asks for.
        written: Where the parameters of each are written; None for lists and handles.
        wraps: Whether it is what it decorates that each asks for.
    """

    chain: Sequence[Link]
    way: Sequence[Link] = ()
    keys: Sequence[Key] = ()
    written: Sequence[Place | None] = ()
    wraps: Sequence[bool] = ()

    def _report(self) -> _text.Report:
        first = self.chain[0].name
        middle = [link.name for link in self.chain[1:] if link.place]  # no lists, no handles
        shown = [*middle[:1], "...", middle[-1]] if len(middle) > 3 else middle
        path = " -> ".join([first, *shown, first])
        title = f"{first} needs itself: {path}"
        fixes = [
            *self._looked_up(),
            "move what they need of each other into a provider of its own.",
            "hand one over to the other when both have been made.",
        ]
        if len(self.chain) == 1:
            title = f"{first} needs what it provides itself"
            key = self.keys[0] if self.keys else "T"
            fixes = [
                f"say decorate=True in @provider of {first}{at(self.chain[0].place)}, if it is to "
                f"wrap another {key}.",
                "correct the annotation, if something else is meant.",
            ]
        return _text.Report(
            title,
            [*self.way, *self.chain],
            f"{first}, again",
            fixes=fixes,
        )

    def _looked_up(self) -> list[str]:
        """To cut the circle where one asks for the next, the last one if possible."""
        steps = zip(self.chain, self.keys, self.written, self.wraps, strict=True)
        for link, key, place, wraps in reversed(list(steps)):
            if place is not None and not wraps and get_origin(key.form) not in RELATIONS:
                wanted = asked_as(key, key.name)
                return [
                    f"let {link.name} ask for Current[{wanted}] instead of {wanted}{at(place)}, "
                    f"and await it where it is used."
                ]
        return []


@dataclass(eq=False, kw_only=True, repr=False)
class CaptiveDependencyError(GraphError, code="LS104"):
    """Raised when an object would keep another one beyond that one's lifetime.

    Attributes:
        outer: The longer-lived provider.
        inner: The shorter-lived provider that it needs.
        chain: The way from one to the other.
        others: The chains of the other longer-lived ones, where the same last step is wrong.
        is_movable: The longer-lived one may have the scope of the other: nothing would keep it.
        is_liftable: The shorter-lived one may have the scope of the other: it keeps nothing.
        wraps: It is needed by what decorates it.
        asked_at: Where it is asked for.
        is_kept_by_many: So many ask for it that the mistake will be its scope.
    """

    outer: Provider
    inner: Provider
    chain: Sequence[Link]
    others: Sequence[Sequence[Link]] = ()
    is_movable: bool = True
    is_liftable: bool = True
    wraps: bool = False
    asked_at: Place | None = None
    is_kept_by_many: bool = False

    def _report(self) -> _text.Report:
        outer, inner = self.outer, self.inner
        return _text.Report(
            f'{outer.name} ("{outer.scope}") would keep {inner.key} ("{inner.scope}") after its '
            f"end",
            self.chain,
            f'lives in the scope "{inner.scope}"',
            [("Also kept by:", _askers([chain[:1] for chain in self.others]))],
            fixes=self._ways_out(),
        )

    def _ways_out(self) -> list[str]:
        """Those first that lead to no other problem."""
        outer, inner = self.outer, self.inner
        wanted = _text.keys(inner) if inner.many else asked_as(inner.key, inner.key.name)
        asking, asked = self._last_step()
        relation = relation_of(asked)
        written = f"{relation}[{wanted}]" if relation else wanted
        move = f'give {outer.name} the scope "{inner.scope}"{_said_at(outer)}.'
        lift = f'give {inner.name} the scope "{outer.scope}"{_said_at(inner)}'
        current = (
            f"look it up each time it is used: let {asking.name} ask for Current[{wanted}] instead "
            f"of {written}{at(self.asked_at)}, and await it."
        )
        hand_over = f"pass {inner.key} to the method that needs it."
        if self.is_kept_by_many:
            return [f"{lift}.", current, hand_over]
        fixes = [move] if self.is_movable and not self.others else []
        fixes += [] if self.wraps else [current]
        lifted = [f"{lift}, if it may live that long."] if self.is_liftable else []
        return [*fixes, hand_over, *lifted] if fixes else [*lifted, hand_over]

    def _last_step(self) -> tuple[Link, Link]:
        """The last one whose parameters somebody has written, and what it asks for."""
        steps = [*zip(self.chain, self.chain[1:], strict=False)]
        return next(step for step in reversed(steps) if step[0].place or len(steps) == 1)


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
        missing: The name that does not exist, if it is that.
        imported_at: Where that is imported for type checkers only.
        near: A name that does exist, and is spelled like it.
    """

    name: str
    parameter: str | None
    annotation: str
    reason: str
    place: Place | None
    signature: Sequence[str] = ()
    missing: str = ""
    imported_at: Place | None = None
    near: str | None = None

    def _report(self) -> _text.Report:
        what = f'"{self.parameter}" in' if self.parameter is not None else "the result of"
        return _text.Report(
            f'cannot read the annotation "{self.annotation}" of {what} {self.name}',
            _written(self.name, self.place, self.parameter or "", self.signature),
            self.reason if self.parameter else "",
            [] if self.parameter else [("Python says:", [self.reason])],
            fixes=self._ways_out(),
        )

    def _ways_out(self) -> list[str]:
        missing = self.missing or "the name"
        if self.imported_at is not None:
            return [
                f'move the import of {missing} out of "if TYPE_CHECKING"{at(self.imported_at)}.'
            ]
        correct = "correct it, if it is misspelled."
        if self.near is not None:
            correct = f"say {self.near} instead of {missing}{at(self.place)}, if you meant that."
        fixes = [
            f"import {missing} at run time too: an import under TYPE_CHECKING is not enough.",
            correct,
        ]
        return fixes[::-1] if self.near is not None else fixes


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
        meant = _text.near(self.scope, self.known)
        own = [name for name in self.known if name != TRANSIENT]
        scopes = (*own[:1], self.scope, *own[1:])
        quoted = ", ".join(f'"{n}"' for n in scopes)
        return _text.Report(
            f'there is no scope "{self.scope}"{by}',
            _written(self.name, self.place) if self.place else (),
            lists=[("The scopes of the container:", [known])],
            fixes=[
                *([f'say "{meant}"{at(self.place)}, if you meant that.'] if meant else []),
                f"declare it, the widest first: Container(..., scopes=({quoted})).",
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
        imported_at: Where `Inject` is imported, if that is known.
        is_fastapi: It is an endpoint, or a dependency, of FastAPI's.
    """

    name: str
    parameters: Sequence[str]
    place: Place | None = None
    chain: Sequence[Link] = ()
    signature: Sequence[str] = ()
    imported_at: Place | None = None
    is_fastapi: bool = False

    def _report(self) -> _text.Report:
        names = ", ".join(f'"{name}"' for name in self.parameters)
        first = self.parameters[0] if self.parameters else ""
        return _text.Report(
            f"nobody fills {names} of {self.name}",
            [*self.chain, *_written(self.name, self.place, first, self.signature)],
            "nothing wraps this function",
            fixes=self._ways_out(),
        )

    def _ways_out(self) -> list[str]:
        wrapped = f"put @inject on it{at(self.place)}, below the framework's own decorator."
        adapter = "from lifescope.integrations.fastapi import Inject"
        if self.is_fastapi:
            return [f"take Inject from the adapter{at(self.imported_at)}:\n{adapter}", wrapped]
        return [wrapped, f"with FastAPI, take Inject from its adapter:\n{adapter}"]


@dataclass(eq=False, kw_only=True, repr=False)
class InvalidProviderError(GraphError, code="LS110"):
    """Raised when something cannot be a provider, or cannot be a source of a container.

    Attributes:
        name: What it is.
        reason: Why it cannot, as the rest of a sentence that begins with its name.
        place: Where it is written.
        fixes: What to do; the most likely first.
    """

    name: str
    reason: str
    place: Place | None = None
    fixes: Sequence[str] = ()

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.name} {self.reason}",
            _written(self.name, self.place) if self.place else (),
            fixes=self.fixes,
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


def _said_at(provider: Provider) -> str:
    """Where the scope of *provider* is written."""
    return at(provider.said_at or provider.place)


def _written(
    name: str, place: Place | None, parameter: str = "", signature: Sequence[str] = ()
) -> list[Link]:
    """The one step of a chain that says where something is written."""
    return [Link(name, place, parameter=parameter, signature=tuple(signature))]


def _askers(chains: Sequence[Sequence[Link]]) -> list[str]:
    """Who asks, at the end of each chain; of many, the first."""
    shown = [
        f'{chain[-1].name}{at(chain[-1].place)}, parameter "{chain[-1].parameter}"'
        for chain in chains[:_OTHERS]
    ]
    rest = len(chains) - _OTHERS
    return [*shown, f"and {rest:,} more"] if rest > 0 else shown


def _some(providers: Sequence[Provider]) -> list[str]:
    """The first of them, and how many more there are."""
    rest = len(providers) - _NAMED
    return [*map(str, providers[:_NAMED]), *([f"and {rest:,} more"] if rest > 0 else [])]
