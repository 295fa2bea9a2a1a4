"""Found when a container is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, spell
from lifescope._model.provider import Link, Provider
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
    "UnannotatedError",
    "UnknownScopeError",
    "UnresolvableAnnotationError",
]


class GraphError(LifescopeError):
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the graph, which has a lock, and functions that may be local ones."""
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

    def __str__(self) -> str:
        texts = [f"{type(problem).__name__}: {problem}" for problem in self.problems]
        return f"{len(texts)} problems\n\n{_text.numbered(texts)}"


@dataclass(eq=False, kw_only=True, repr=False)
class MissingProviderError(GraphError, LookupError):
    """Raised when nothing provides a key.

    Attributes:
        key: What was asked for.
        chain: Who asked, from the entry point inwards; empty if asked with `get`.
        suggestions: Providers whose keys are close to it.
    """

    key: Key
    chain: Sequence[Link] = ()
    suggestions: Sequence[Provider] = ()

    def __str__(self) -> str:
        return _text.join(
            f"nothing provides {self.key}",
            _text.chain(self.chain, f"{self.key}, not provided") if self.chain else "",
            _text.bullets(
                "Did you mean:",
                [f"{_text.keys(p)}, provided by {p}, scope {p.scope}" for p in self.suggestions],
            ),
            "  Pass a provider for it to Container(...), or declare it with supplied(...)\n"
            "  if it is handed in when a scope opens.",
        )


@dataclass(eq=False, kw_only=True, repr=False)
class DuplicateProviderError(GraphError):
    """Raised when two providers offer one key, and neither says `replace=True`.

    Attributes:
        key: The key.
        providers: All that provide it, in the order they were given.
    """

    key: Key
    providers: Sequence[Provider]

    def __str__(self) -> str:
        return _text.join(
            f"{self.key} is provided {len(self.providers)} times",
            _text.bullets("By:", [f"{p}, scope {p.scope}" for p in self.providers]),
            "  Remove one, tell them apart with name=..., or say replace=True on the one\n"
            "  that is to be used.",
        )


@dataclass(eq=False, kw_only=True, repr=False)
class CycleError(GraphError):
    """Raised when providers need each other in a circle.

    Attributes:
        chain: The circle; each needs the next, and the last needs the first.
    """

    chain: Sequence[Link]

    def __str__(self) -> str:
        names = [link.name for link in self.chain]
        return _text.join(
            f"{names[0]} needs itself: {' -> '.join([*names, names[0]])}",
            _text.chain(self.chain, f"{names[0]}, again"),
            "  Break the circle: give one of them only the part of the other that it needs,\n"
            "  or hand the object over after both have been made.",
        )


@dataclass(eq=False, kw_only=True, repr=False)
class CaptiveDependencyError(GraphError):
    """Raised when an object would keep another one beyond that one's lifetime.

    Attributes:
        outer: The longer-lived provider.
        inner: The shorter-lived provider that it needs.
        chain: The way from one to the other.
    """

    outer: Provider
    inner: Provider
    chain: Sequence[Link]

    def __str__(self) -> str:
        return _text.join(
            f'{self.outer.name} (scope "{self.outer.scope}") needs {self.inner.key} '
            f'(scope "{self.inner.scope}"), and would keep it after its end',
            _text.chain(self.chain),
            f'  Give {self.outer.name} the scope "{self.inner.scope}", or {self.inner.name} the '
            f'scope "{self.outer.scope}",\n'
            f"  or pass {self.inner.key} to the method that needs it.",
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnannotatedError(GraphError):
    """Raised when a parameter, or what a provider returns, has no annotation.

    Attributes:
        name: The function or class, as its author wrote it.
        parameter: The parameter, or None if it is the result.
        place: Where it is written.
        found: What stands there instead of a usable annotation, if anything.
    """

    name: str
    parameter: str | None
    place: Place | None
    found: str | None = None

    def __str__(self) -> str:
        at = f" ({self.place})" if self.place else ""
        if self.parameter is not None:
            return (
                f'parameter "{self.parameter}" of {self.name}{at} has no annotation\n\n'
                f"  Annotate it with the type to pass, or give it a default."
            )
        told = f" but {self.found}" if self.found else ""
        return (
            f"the result of {self.name}{at} is not annotated{told}\n\n"
            f"  Annotate what it returns or yields, or say provides=... in @provider: that is\n"
            f"  the key under which others ask for it."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnresolvableAnnotationError(GraphError):
    """Raised when an annotation names something that does not exist where it is written.

    Attributes:
        name: The function or class.
        parameter: The parameter, or None if it is the result.
        annotation: The annotation's text.
        reason: What went wrong, in Python's words.
        place: Where it is written.
    """

    name: str
    parameter: str | None
    annotation: str
    reason: str
    place: Place | None

    def __str__(self) -> str:
        what = f'parameter "{self.parameter}"' if self.parameter is not None else "the result"
        at = f" ({self.place})" if self.place else ""
        return (
            f'cannot read the annotation "{self.annotation}" of {what} of {self.name}{at}: '
            f"{self.reason}\n\n"
            f"  Import the name at run time too: an import under TYPE_CHECKING is not enough."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class AmbiguousContextManagerError(GraphError):
    """Raised when a provider gives a context manager and does not say whether to enter it.

    Attributes:
        name: The function or class.
        form: The context manager's type.
        place: Where it is declared.
    """

    name: str
    form: Any
    place: Place | None

    def __str__(self) -> str:
        at = f" ({self.place})" if self.place else ""
        return (
            f"{self.name}{at} gives a {spell(self.form)}, which is itself a context manager\n\n"
            f"  Say enter=True in provider(...) to enter it, and leave it when the scope ends,\n"
            f"  or enter=False to pass it on as it is."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnknownScopeError(GraphError):
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

    def __str__(self) -> str:
        by = f" of {self.name}" if self.name else ""
        at = f" ({self.place})" if self.place else ""
        return (
            f'there is no scope "{self.scope}"{by}{at}\n\n'
            f"  This container has: {', '.join(self.known)}. Others are declared with "
            f"Container(..., scopes=(...))."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class NeverFilledError(GraphError):
    """Raised when nobody fills the `Inject[T]` parameters of an endpoint.

    The framework would take them for something of its own, such as the body of the request.

    Attributes:
        name: The endpoint.
        parameters: Their names.
        place: Where it is written.
        chain: The way to it: the route, the functions in between.
    """

    name: str
    parameters: Sequence[str]
    place: Place | None = None
    chain: Sequence[Link] = ()

    def __str__(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.parameters)
        at = f" ({self.place})" if self.place else ""
        route = f" of {self.chain[0].name}" if self.chain else ""
        return (
            f"nobody fills {names} of {self.name}{at}, an endpoint{route}\n\n"
            f"  Put @inject under the framework's own decorator, or take Inject from its adapter:\n"
            f"  from lifescope.integrations.fastapi import Inject."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class InvalidProviderError(GraphError):
    """Raised when something cannot be a provider, or cannot be a source of a container.

    Attributes:
        name: What it is.
        reason: Why it cannot.
        place: Where it is written.
    """

    name: str
    reason: str
    place: Place | None = None

    def __str__(self) -> str:
        at = f" ({self.place})" if self.place else ""
        return f"{self.name}{at} {self.reason}"
