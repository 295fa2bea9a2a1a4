"""Every exception class of lifescope. Data is in the attributes; the text is made from it.

LifescopeError
├── GraphError                       found when a container is built; `.problems` has them all
│   ├── MissingProviderError         nothing provides a key (also LookupError)
│   ├── DuplicateProviderError       two providers for one key
│   ├── CycleError                   providers that need each other
│   ├── CaptiveDependencyError       a longer-lived object needs a shorter-lived one
│   ├── UnannotatedError             a parameter or a result without annotation
│   ├── UnresolvableAnnotationError  an annotation that names something unknown
│   ├── AmbiguousContextManagerError to enter it or not to enter it?
│   ├── UnknownScopeError            a scope that the container does not have
│   └── InvalidProviderError         something that cannot be a provider
├── NoScopeError                     no scope is open here (also LookupError)
├── WrongLoopError                   the scope belongs to another event loop (also RuntimeError)
├── ScopeClosedError                 the scope has ended
├── ScopeOrderError                  asked in a scope that is wider than the key's
├── SuppliedValueError               a scope was opened with other values than the declared ones
├── NotReadyError                    asked without awaiting for something that must be awaited
├── LifespanNotRunError              a request came, but no lifespan is running for it
├── ClientDisconnectedError          told to providers: the client has gone
├── NoYieldError, SecondYieldError   a generator that does not yield exactly once
├── WrongValueError                  a provider that gives something else (also TypeError)
├── AcquisitionLoopError             an acquisition that waits for itself
├── AcquisitionTimeoutError          an acquisition took too long (also TimeoutError)
├── CrashError                       a task that a provider runs has failed
├── OverrideError
│   ├── UnknownOverrideError         nothing provides the key that is overridden (also LookupError)
│   └── LateOverrideError            the app scope is open already
├── ReleaseTimeoutError              a release took too long (also TimeoutError)
└── ReleaseError                     several releases failed (an ExceptionGroup)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, spell
from lifescope._model.provider import Link, Provider

__all__ = [
    "AcquisitionLoopError",
    "AcquisitionTimeoutError",
    "AmbiguousContextManagerError",
    "CaptiveDependencyError",
    "ClientDisconnectedError",
    "CrashError",
    "CycleError",
    "DuplicateProviderError",
    "GraphError",
    "InvalidProviderError",
    "LateOverrideError",
    "LifescopeError",
    "LifespanNotRunError",
    "MissingProviderError",
    "NoScopeError",
    "NoYieldError",
    "NotReadyError",
    "OverrideError",
    "ReleaseError",
    "ReleaseTimeoutError",
    "ScopeClosedError",
    "ScopeOrderError",
    "SecondYieldError",
    "SuppliedValueError",
    "UnannotatedError",
    "UnknownOverrideError",
    "UnknownScopeError",
    "UnresolvableAnnotationError",
    "WrongLoopError",
    "WrongValueError",
]


class LifescopeError(Exception):
    """Base of every error that lifescope raises itself.

    An exception of your own providers and endpoints always comes through as itself.
    """


# --- found when a container is built --------------------------------------------------------


class GraphError(LifescopeError):
    """Raised when a container is built from providers that cannot work together.

    A single mistake is raised as its own subclass; several are raised together as one
    `GraphError`. Either way `problems` holds every mistake that was found.

    Attributes:
        problems: The mistakes, each an instance of a subclass of GraphError.
    """

    problems: tuple["GraphError", ...]

    def __init__(self, problems: Sequence["GraphError"] = ()) -> None:
        super().__init__(*problems)
        self.problems = tuple(problems) or (self,)

    @classmethod
    def of(cls, problems: Sequence["GraphError"]) -> "GraphError":
        """The one problem itself, or all of them in one error."""
        return problems[0] if len(problems) == 1 else cls(problems)

    def __str__(self) -> str:
        texts = [f"{type(problem).__name__}: {problem}" for problem in self.problems]
        return f"{len(texts)} problems\n\n{_text.numbered(texts)}"


class MissingProviderError(GraphError, LookupError):
    """Raised when nothing provides a key.

    Attributes:
        key: What was asked for.
        chain: Who asked, from the entry point inwards; empty if asked with `get`.
        suggestions: Providers whose keys are close to it.
    """

    def __init__(
        self, *, key: Key, chain: Sequence[Link] = (), suggestions: Sequence[Provider] = ()
    ) -> None:
        super().__init__()
        self.key = key
        self.chain = tuple(chain)
        self.suggestions = tuple(suggestions)

    def __str__(self) -> str:
        return _text.join(
            f"nothing provides {self.key}",
            _text.chain(self.chain, f"{self.key}, not provided") if self.chain else "",
            _text.bullets(
                "Did you mean:",
                [f"{_keys(p)}, provided by {p}, scope {p.scope}" for p in self.suggestions],
            ),
            "  Pass a provider for it to Container(...), or declare it with supplied(...)\n"
            "  if it is handed in when a scope opens.",
        )


class DuplicateProviderError(GraphError):
    """Raised when two providers offer one key, and neither says `replace=True`.

    Attributes:
        key: The key.
        providers: All that provide it, in the order they were given.
    """

    def __init__(self, *, key: Key, providers: Sequence[Provider]) -> None:
        super().__init__()
        self.key = key
        self.providers = tuple(providers)

    def __str__(self) -> str:
        return _text.join(
            f"{self.key} is provided {len(self.providers)} times",
            _text.bullets("By:", [f"{p}, scope {p.scope}" for p in self.providers]),
            "  Remove one, tell them apart with name=..., or say replace=True on the one\n"
            "  that is to be used.",
        )


class CycleError(GraphError):
    """Raised when providers need each other in a circle.

    Attributes:
        chain: The circle; each needs the next, and the last needs the first.
    """

    def __init__(self, *, chain: Sequence[Link]) -> None:
        super().__init__()
        self.chain = tuple(chain)

    def __str__(self) -> str:
        names = [link.name for link in self.chain]
        return _text.join(
            f"{names[0]} needs itself: {' -> '.join([*names, names[0]])}",
            _text.chain(self.chain, f"{names[0]}, again"),
            "  Break the circle: give one of them only the part of the other that it needs,\n"
            "  or hand the object over after both have been made.",
        )


class CaptiveDependencyError(GraphError):
    """Raised when an object would keep another one beyond that one's lifetime.

    Attributes:
        outer: The longer-lived provider.
        inner: The shorter-lived provider that it needs.
        chain: The way from one to the other.
    """

    def __init__(self, *, outer: Provider, inner: Provider, chain: Sequence[Link]) -> None:
        super().__init__()
        self.outer = outer
        self.inner = inner
        self.chain = tuple(chain)

    def __str__(self) -> str:
        return _text.join(
            f'{self.outer.name} (scope "{self.outer.scope}") needs {self.inner.key} '
            f'(scope "{self.inner.scope}"), and would keep it after its end',
            _text.chain(self.chain),
            f'  Give {self.outer.name} the scope "{self.inner.scope}", or {self.inner.name} the '
            f'scope "{self.outer.scope}",\n'
            f"  or pass {self.inner.key} to the method that needs it.",
        )


class UnannotatedError(GraphError):
    """Raised when a parameter, or what a provider returns, has no annotation.

    Attributes:
        name: The function or class, as its author wrote it.
        parameter: The parameter, or None if it is the result.
        place: Where it is written.
        found: What stands there instead of a usable annotation, if anything.
    """

    def __init__(
        self, *, name: str, parameter: str | None, place: Place | None, found: str | None = None
    ) -> None:
        super().__init__()
        self.name = name
        self.parameter = parameter
        self.place = place
        self.found = found

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


class UnresolvableAnnotationError(GraphError):
    """Raised when an annotation names something that does not exist where it is written.

    Attributes:
        name: The function or class.
        parameter: The parameter, or None if it is the result.
        annotation: The annotation's text.
        reason: What went wrong, in Python's words.
        place: Where it is written.
    """

    def __init__(
        self,
        *,
        name: str,
        parameter: str | None,
        annotation: str,
        reason: str,
        place: Place | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.parameter = parameter
        self.annotation = annotation
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        what = f'parameter "{self.parameter}"' if self.parameter is not None else "the result"
        at = f" ({self.place})" if self.place else ""
        return (
            f'cannot read the annotation "{self.annotation}" of {what} of {self.name}{at}: '
            f"{self.reason}\n\n"
            f"  Import the name at run time too: an import under TYPE_CHECKING is not enough."
        )


class AmbiguousContextManagerError(GraphError):
    """Raised when a provider gives a context manager and does not say whether to enter it.

    Attributes:
        name: The function or class.
        form: The context manager's type.
        place: Where it is declared.
    """

    def __init__(self, *, name: str, form: Any, place: Place | None) -> None:
        super().__init__()
        self.name = name
        self.form = form
        self.place = place

    def __str__(self) -> str:
        at = f" ({self.place})" if self.place else ""
        return (
            f"{self.name}{at} gives a {spell(self.form)}, which is itself a context manager\n\n"
            f"  Say enter=True in provider(...) to enter it, and leave it when the scope ends,\n"
            f"  or enter=False to pass it on as it is."
        )


class UnknownScopeError(GraphError):
    """Raised when a scope is named that the container does not have.

    Attributes:
        scope: The name.
        known: The container's scopes, widest first.
        name: Who named it.
        place: Where, if that is known.
    """

    def __init__(
        self, *, scope: str, known: Sequence[str], name: str = "", place: Place | None = None
    ) -> None:
        super().__init__()
        self.scope = scope
        self.known = tuple(known)
        self.name = name
        self.place = place

    def __str__(self) -> str:
        by = f" of {self.name}" if self.name else ""
        at = f" ({self.place})" if self.place else ""
        return (
            f'there is no scope "{self.scope}"{by}{at}\n\n'
            f"  This container has: {', '.join(self.known)}. Others are declared with "
            f"Container(..., scopes=(...))."
        )


class InvalidProviderError(GraphError):
    """Raised when something cannot be a provider, or cannot be a source of a container.

    Attributes:
        name: What it is.
        reason: Why it cannot.
        place: Where it is written.
    """

    def __init__(self, *, name: str, reason: str, place: Place | None = None) -> None:
        super().__init__()
        self.name = name
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        at = f" ({self.place})" if self.place else ""
        return f"{self.name}{at} {self.reason}"


# --- found when a program runs --------------------------------------------------------------


class NoScopeError(LifescopeError, LookupError):
    """Raised when something is asked for where no scope is open.

    Attributes:
        wanted: What was asked for: a key, or a description.
    """

    def __init__(self, *, wanted: str = "") -> None:
        super().__init__()
        self.wanted = wanted

    def __str__(self) -> str:
        wanted = f"{self.wanted} was asked for, but no" if self.wanted else "no"
        return (
            f"{wanted} scope is open here\n\n"
            f"  In a web application, serve container.asgi(...) and ask inside a request.\n"
            f"  Elsewhere: async with container.open() as scope: ...\n"
            f"  A new thread sees the scope only if it is started with a copy of the context\n"
            f"  (contextvars.copy_context().run), as anyio.to_thread.run_sync does."
        )


class WrongLoopError(LifescopeError, RuntimeError):
    """Raised when a scope is asked for something in another event loop than its own.

    What it holds belongs to the loop that opened the app scope: connections, locks, tasks.

    Attributes:
        scope: The scope's name.
        wanted: What was asked for.
        opened_at: Where it was opened, if it was opened by hand.
    """

    def __init__(self, *, scope: str, wanted: str = "", opened_at: Place | None = None) -> None:
        super().__init__()
        self.scope = scope
        self.wanted = wanted
        self.opened_at = opened_at

    def __str__(self) -> str:
        wanted = f"{self.wanted} was asked for, but " if self.wanted else ""
        opened = f", opened at {self.opened_at}," if self.opened_at else ""
        return (
            f'{wanted}the scope "{self.scope}"{opened} belongs to another event loop\n\n'
            f"  Open an app scope in this loop as well (async with container.open()), or have the\n"
            f"  other loop do it: anyio.from_thread.run(scope.get, Key), from a worker thread."
        )


class ScopeClosedError(LifescopeError):
    """Raised when a scope that has ended is asked for a value, or to open another scope.

    Attributes:
        scope: The scope's name.
        wanted: What was asked for.
        opened_at: Where it was opened, if it was opened by hand.
        closing: True if its releases are still running.
        seconds_ago: How long ago it was closed; None while it is closing.
    """

    def __init__(
        self,
        *,
        scope: str,
        wanted: str = "",
        opened_at: Place | None = None,
        closing: bool = False,
        seconds_ago: float | None = None,
    ) -> None:
        super().__init__()
        self.scope = scope
        self.wanted = wanted
        self.opened_at = opened_at
        self.closing = closing
        self.seconds_ago = seconds_ago

    def __str__(self) -> str:
        wanted = f" and cannot give {self.wanted}" if self.wanted else ""
        opened = f", opened at {self.opened_at}," if self.opened_at else ""
        ago = "" if self.seconds_ago is None else f" {self.seconds_ago:.3g} s ago"
        state = "is closing" if self.closing else f"was closed{ago}"
        return (
            f'the scope "{self.scope}"{opened} {state}{wanted}\n\n'
            f"  Code that goes on after its request or block needs a scope of its own."
        )


class ScopeOrderError(LifescopeError):
    """Raised when a key is asked for in a scope that is wider than the key's own.

    Attributes:
        key: What was asked for.
        scope: The key's scope.
        asked_in: The scope that was asked.
        provider: The provider, or the one that it needs, that is in the narrower scope.
    """

    def __init__(self, *, key: Key | None, scope: str, asked_in: str, provider: str) -> None:
        super().__init__()
        self.key = key
        self.scope = scope
        self.asked_in = asked_in
        self.provider = provider

    def __str__(self) -> str:
        wanted = (
            f"{self.key} was asked for" if self.key else f'the scope "{self.scope}" was asked for'
        )
        lives = f': {self.provider} lives in the scope "{self.scope}"' if self.provider else ""
        return (
            f'{wanted} in the scope "{self.asked_in}"{lives}\n\n'
            f'  Ask inside such a scope: async with scope.open("{self.scope}") as inner: ...'
        )


class SuppliedValueError(LifescopeError):
    """Raised when a scope is opened with other values than were declared with `supplied`.

    Attributes:
        scope: The scope.
        missing: Declared, but not handed in.
        unknown: Handed in, but not declared for this scope.
    """

    def __init__(
        self, *, scope: str, missing: Sequence[Key] = (), unknown: Sequence[Key] = ()
    ) -> None:
        super().__init__()
        self.scope = scope
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)

    def __str__(self) -> str:
        parts = [
            f"{title}: {', '.join(map(str, keys))}"
            for title, keys in (("missing", self.missing), ("not declared", self.unknown))
            if keys
        ]
        return (
            f'the values for the scope "{self.scope}" do not fit ({"; ".join(parts)})\n\n'
            f"  Hand them in when it opens, open(values={{Key: value}}), and declare each with\n"
            f'  supplied(Key, scope="{self.scope}").'
        )


class NotReadyError(LifescopeError):
    """Raised by `get_nowait` and by injected `def` functions for what must be awaited.

    Attributes:
        key: What was asked for, None for the parameters of a function.
        provider: The provider that would have to be awaited.
    """

    def __init__(self, *, key: Key | None, provider: str) -> None:
        super().__init__()
        self.key = key
        self.provider = provider

    def __str__(self) -> str:
        return (
            f"{self.key or 'a parameter'} is not ready: {self.provider} has to be awaited\n\n"
            f"  Use await scope.get(...), or make the function an async def. A plain def that is\n"
            f"  run in a worker thread by the framework may ask as well."
        )


class LifespanNotRunError(LifescopeError):
    """Raised when a request reaches a root whose lifespan is not running.

    Attributes:
        root: The app factory of the root.
        running: How many lifespans of it are running in this event loop.
    """

    def __init__(self, *, root: str, running: int = 0) -> None:
        super().__init__()
        self.root = root
        self.running = running

    def __str__(self) -> str:
        if self.running > 1:
            return (
                f"{self.running} lifespans of container.asgi({self.root}) run in this event loop, "
                f"and the request does not say which is its own\n\n"
                f'  The server, or a middleware, drops asgi_scope["state"]; pass it on.'
            )
        return (
            f"a request came, but no lifespan of container.asgi({self.root}) is running\n\n"
            f"  - The server does not run lifespans: use one that does (uvicorn --lifespan on).\n"
            f"  - A test client must be entered: with TestClient(app) as client: ...\n"
            f"  - The app is mounted in another one, which must run its lifespan.\n"
            f"  - The lifespan runs in another event loop, and the server drops the state."
        )


class ClientDisconnectedError(LifescopeError):
    """Raised at the `yield` of request-scoped providers when the client has gone away.

    That is before it had the whole response, and nothing else has gone wrong. Nobody raises it
    to you: it only tells providers not to commit.
    """

    def __str__(self) -> str:
        return "the client disconnected before it had the whole response"


class NoYieldError(LifescopeError):
    """Raised when a generator provider ends without having yielded.

    Attributes:
        provider: The provider, with its place.
    """

    def __init__(self, *, provider: str) -> None:
        super().__init__()
        self.provider = provider

    def __str__(self) -> str:
        return f"{self.provider} ended without a yield; a generator provider yields exactly once"


class SecondYieldError(LifescopeError):
    """Raised when a generator provider yields again when it should end.

    Attributes:
        provider: The provider, with its place.
    """

    def __init__(self, *, provider: str) -> None:
        super().__init__()
        self.provider = provider

    def __str__(self) -> str:
        return f"{self.provider} yielded a second time; a generator provider yields exactly once"


class AcquisitionLoopError(LifescopeError):
    """Raised when an acquisition waits for its own end.

    Attributes:
        providers: Who waits for whom, each with its place; the last waits for the first.
    """

    def __init__(self, *, providers: Sequence[str]) -> None:
        super().__init__()
        self.providers = tuple(providers)

    def __str__(self) -> str:
        circle = "\n".join(f"  - {name}" for name in self.providers)
        waits = "waits for itself" if len(self.providers) == 1 else "wait for each other"
        return (
            f"while being acquired, this {waits}:\n\n{circle}\n\n"
            f"  Somebody asks the scope for what needs it in turn. Make that a parameter, so\n"
            f"  that the check of the graph can see the circle."
        )


class AcquisitionTimeoutError(LifescopeError, TimeoutError):
    """Raised when an acquisition exceeds its `start_timeout` and is cancelled.

    Attributes:
        provider: The provider, with its place.
        seconds: The limit.
        stood_at: The line of users' code at which the acquisition was waiting.
    """

    def __init__(self, *, provider: str, seconds: float, stood_at: str) -> None:
        super().__init__()
        self.provider = provider
        self.seconds = seconds
        self.stood_at = stood_at

    def __str__(self) -> str:
        return (
            f"{self.provider} was not acquired within {self.seconds:g} seconds and was "
            f"cancelled; it stood at {self.stood_at}"
        )


class WrongValueError(LifescopeError, TypeError):
    """Raised when a provider gives something else than its annotation says.

    It is checked where that costs next to nothing: that the result is not None, and where its
    type is a plain class, that it is an instance of it.

    Attributes:
        provider: The provider, with its place.
        key: What it says it provides.
        given: The name of the type of what it gave.
    """

    def __init__(self, *, provider: str, key: Key, given: str) -> None:
        super().__init__()
        self.provider = provider
        self.key = key
        self.given = given

    def __str__(self) -> str:
        gave = "None" if self.given == "NoneType" else f"an object of type {self.given}"
        return (
            f"{self.provider} is to provide {self.key}, but gave {gave}\n\n"
            f"  Is a return or yield missing, or is its annotation wrong?"
        )


class ReleaseTimeoutError(LifescopeError, TimeoutError):
    """Raised when a release exceeds its limit and is cancelled; the others still run.

    Attributes:
        provider: The provider, with its place.
        seconds: The limit.
        stood_at: The line of users' code at which the release was waiting.
    """

    def __init__(self, *, provider: str, seconds: float, stood_at: str) -> None:
        super().__init__()
        self.provider = provider
        self.seconds = seconds
        self.stood_at = stood_at

    def __str__(self) -> str:
        return (
            f"{self.provider} was not released within {self.seconds:g} seconds and was "
            f"cancelled; it stood at {self.stood_at}"
        )


class CrashError(LifescopeError):
    """Raised at the `yield` of providers whose scope ends because another one has crashed.

    That is: a task that it runs, in a task group around its `yield`, has failed. The scope is
    cancelled, everything is released, and what the crashed provider raises comes out. This
    error comes out only if it raises nothing.

    Attributes:
        provider: The provider that crashed, with its place.
    """

    def __init__(self, *, provider: str) -> None:
        super().__init__()
        self.provider = provider

    def __str__(self) -> str:
        return f"{self.provider} was interrupted while in use: a task that it runs has failed"


class OverrideError(LifescopeError):
    """Base of the errors that `container.override` raises."""


class UnknownOverrideError(OverrideError, LookupError):
    """Raised when the key that is to be overridden has no provider.

    Attributes:
        key: The key.
        suggestions: Providers whose keys are close to it.
    """

    def __init__(self, *, key: Key, suggestions: Sequence[Provider] = ()) -> None:
        super().__init__()
        self.key = key
        self.suggestions = tuple(suggestions)

    def __str__(self) -> str:
        return _text.join(
            f"nothing provides {self.key}, so it cannot be overridden",
            _text.bullets(
                "Did you mean:", [f"{_keys(p)}, provided by {p}" for p in self.suggestions]
            ),
        )


class LateOverrideError(OverrideError):
    """Raised when a container is overridden while an app scope of it is open.

    Attributes:
        keys: The keys.
        opened_at: Where the open app scope was opened, if that is known.
    """

    def __init__(self, *, keys: Sequence[Key], opened_at: Place | None = None) -> None:
        super().__init__()
        self.keys = tuple(keys)
        self.opened_at = opened_at

    def __str__(self) -> str:
        opened = f" (opened at {self.opened_at})" if self.opened_at else ""
        return (
            f"{', '.join(map(str, self.keys))} cannot be overridden now: an app scope of this "
            f"container is open{opened}\n\n"
            f"  Override before the app starts: with container.override(...), TestClient(app) as "
            f"client: ..."
        )


# The stub of ExceptionGroup is generic, the class itself is too: spelled once for both.
if TYPE_CHECKING:
    _Group = ExceptionGroup[Exception]
else:
    _Group = ExceptionGroup


class ReleaseError(LifescopeError, _Group):
    """Raised when more than one release failed; every error is in `exceptions`.

    A release that fails alone raises its own error. A scope that ends with an error of its
    own raises that, with a note about each failed release.
    """

    def derive(self, excs: Sequence[Exception], /) -> Self:  # type: ignore[override]
        """Keep the class when `except*` splits the group (PEP 654)."""
        return type(self)(self.message, excs)


def _keys(provider: Provider) -> str:
    spelled = ", ".join(map(str, provider.keys))
    return f"list[{spelled}]" if provider.many else spelled
