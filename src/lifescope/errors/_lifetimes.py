"""Raised while something is acquired, kept or released."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place
from lifescope._model.provider import Link, Provider
from lifescope.errors._base import LifescopeError

__all__ = [
    "AcquisitionLoopError",
    "AcquisitionTimeoutError",
    "AppFactoryError",
    "ClientDisconnectedError",
    "CrashError",
    "NoYieldError",
    "ReleaseError",
    "ReleaseTimeoutError",
    "SecondYieldError",
    "ServerClosedError",
    "StartTimeoutError",
    "WrongValueError",
]


@dataclass(eq=False, kw_only=True, repr=False)
class _OfProvider:
    """What errors about one provider have in common: they show it with its scope and place."""

    provider: str
    place: Place | None = None
    scope: str = ""

    @classmethod
    def about(cls, provider: Provider) -> Self:
        """Where there is nothing else to say."""
        return cls(provider=provider.name, place=provider.place, scope=provider.scope)

    def _written(self) -> list[Link]:
        return [Link(self.provider, self.place, self.scope)] if self.place else []


class ClientDisconnectedError(LifescopeError, code="LS309"):
    """Raised at the `yield` of request-scoped providers when the client has gone away.

    That is before it had the whole response, and nothing else has gone wrong. Nobody raises it
    to you: it only tells providers not to commit. Call-scoped providers see it if the call
    itself has been told of the disconnect.
    """

    def _report(self) -> _text.Report:
        return _text.Report("the client disconnected before it had the whole response")


@dataclass(eq=False, kw_only=True, repr=False)
class NoYieldError(LifescopeError, _OfProvider, code="LS301"):
    """Raised when a generator provider ends without having yielded.

    Attributes:
        provider: The provider.
        place: Where it is written.
        scope: Its scope.
    """

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.provider} ended without a yield",
            self._written(),
            fixes=["let every way through it yield exactly once, or raise."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class SecondYieldError(LifescopeError, _OfProvider, code="LS302"):
    """Raised when a generator provider yields again when it should end.

    Attributes:
        provider: The provider.
        place: Where it is written.
        scope: Its scope.
    """

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.provider} yielded a second time",
            self._written(),
            fixes=["let it end after its yield: is there a loop around it, or another yield?"],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class WrongValueError(LifescopeError, _OfProvider, TypeError, code="LS303"):
    """Raised when a provider gives something else than its annotation says.

    It is checked where that costs next to nothing: that the result is not None, and where its
    type is a plain class, that it is an instance of it.

    Attributes:
        provider: The provider.
        place: Where it is written.
        scope: Its scope.
        key: What it says it provides.
        given: The name of the type of what it gave; with its module, if it is called the same.
    """

    key: Key
    given: str

    def _report(self) -> _text.Report:
        gave = "None" if self.given == "NoneType" else f"an object of type {self.given}"
        fixes = ["give what the annotation says.", "correct the annotation of its result."]
        if self.given == "NoneType":
            fixes = [
                "add what is missing: return or yield the object.",
                f"annotate its result {self.key} | None, if None is meant, and ask for "
                f"{self.key} | None.",
            ]
        return _text.Report(
            f"{self.provider} is to provide {self.key}, but gave {gave}",
            self._written(),
            fixes=fixes,
        )


@dataclass(eq=False, kw_only=True, repr=False)
class AcquisitionLoopError(LifescopeError, code="LS304"):
    """Raised when an acquisition waits for its own end.

    Attributes:
        providers: Who waits for whom, each with its place; the last waits for the first.
    """

    providers: Sequence[str]

    def _report(self) -> _text.Report:
        if len(self.providers) == 1:
            return _text.Report(
                "an acquisition waits for its own end",
                lists=[("It acquires:", self.providers)],
                fixes=["neither ask the scope for what is being made, nor close it, meanwhile."],
            )
        return _text.Report(
            "acquisitions wait for each other",
            lists=[("Each for the next, the last for the first:", self.providers)],
            fixes=[
                "ask through parameters, not the scope: then the check of the graph finds it.",
                "ask the scope later, when it has been made.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class AcquisitionTimeoutError(LifescopeError, _OfProvider, TimeoutError, code="LS305"):
    """Raised when an acquisition exceeds its `start_timeout` and is cancelled.

    Attributes:
        provider: The provider.
        place: Where it is written.
        scope: Its scope.
        seconds: The limit.
        stood_at: The line of users' code at which the acquisition was waiting.
    """

    seconds: float
    stood_at: str

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.provider} was not acquired within {self.seconds:g} seconds",
            self._written(),
            lists=[("It was cancelled at:", [self.stood_at])],
            fixes=[
                "see whether what it waits for there can be reached.",
                "give it a longer start_timeout in @provider.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class AppFactoryError(LifescopeError, TypeError, code="LS501"):
    """Raised at start when the app factory gives something that is no ASGI app.

    Attributes:
        factory: The factory.
        given: The name of the class that it gave, or of that of the object.
        is_class: It gave a class, not an object.
        is_sync: It gave a generator or a context manager that is not async.
        place: Where the factory is written.
    """

    factory: str
    given: str
    is_class: bool = False
    is_sync: bool = False
    place: Place | None = None

    def _report(self) -> _text.Report:
        written = [Link(self.factory, self.place)] if self.place else []
        if self.is_class:
            return _text.Report(
                f"{self.factory} gave the class {self.given}, not an app",
                written,
                fixes=[f"call it: {self.given}()."],
            )
        if self.is_sync:
            fix = "make a factory that yields the app an async function: async def, yield."
        else:
            fix = "add the return." if self.given == "NoneType" else "return or yield the app."
        what = "None" if self.given == "NoneType" else f"an object of type {self.given}"
        title = f"{self.factory} gave {what}, which is no ASGI app"
        return _text.Report(title, written, fixes=[fix])


@dataclass(eq=False, kw_only=True, repr=False)
class StartTimeoutError(LifescopeError, TimeoutError, code="LS502"):
    """Raised when the start of an app exceeds `container.asgi(..., start_timeout=)`.

    Attributes:
        seconds: The limit.
        report: Who had started, who was at it, and who was waiting; empty if nobody.
        stood_at: The line of users' code at which the factory, or the app's own lifespan, was
            waiting; None if providers were still being started.
    """

    seconds: float
    report: str
    stood_at: str | None = None

    def _report(self) -> _text.Report:
        stood_at = [] if self.stood_at is None else [self.stood_at]
        return _text.Report(
            f"the app had not started within {self.seconds:g} seconds",
            lists=[
                ("Its providers:", [self.report] if self.report else []),
                ("It was cancelled at:", stood_at),
            ],
            fixes=[
                "see whether what it waits for can be reached.",
                "give it longer: container.asgi(..., start_timeout=seconds).",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class CrashError(LifescopeError, _OfProvider, code="LS308"):
    """Raised at the `yield` of providers whose scope ends because another one has crashed.

    That is: a task that it runs, in a task group around its `yield`, has failed. The scope is
    cancelled, everything is released, and what the crashed provider raises comes out. This
    error comes out only if it raises nothing.

    Attributes:
        provider: The provider that crashed.
        place: Where it is written.
        scope: Its scope.
    """

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.provider} was interrupted: a task that it runs has failed",
            self._written(),
            fixes=[
                "see the error of that task, which comes out of the scope.",
                f"let {self.provider} not swallow it, if it does not come out: an except around "
                f"the yield hides it.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ReleaseTimeoutError(LifescopeError, _OfProvider, TimeoutError, code="LS306"):
    """Raised when a release exceeds its limit and is cancelled; the others still run.

    Attributes:
        provider: The provider.
        place: Where it is written.
        scope: Its scope.
        seconds: The limit.
        stood_at: The line of users' code at which the release was waiting.
    """

    seconds: float
    stood_at: str

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.provider} was not released within {self.seconds:g} seconds",
            self._written(),
            lists=[("It was cancelled at:", [self.stood_at])],
            fixes=["see whether what it waits for still runs.", "give it a longer stop_timeout."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ServerClosedError(LifescopeError, RuntimeError, code="LS503"):
    """Raised when a server of `lifescope.server` is to start, and has been closed.

    Attributes:
        while_starting: It was closed while it was starting; the start has been undone.
    """

    while_starting: bool

    def _report(self) -> _text.Report:
        if self.while_starting:
            title = "the server was closed while it was starting; the start has been undone"
            return _text.Report(title)
        return _text.Report(
            "the server has been closed", fixes=["make another one with serve(): one starts once."]
        )


# The stub of ExceptionGroup is generic, the class itself is too: spelled once for both.
if TYPE_CHECKING:
    _Group = ExceptionGroup[Exception]
else:
    _Group = ExceptionGroup


class ReleaseError(LifescopeError, _Group, code="LS307"):
    """Raised when more than one release failed; every error is in `exceptions`.

    A release that fails alone raises its own error. A scope that ends with an error of its
    own raises that, with a note about each failed release.
    """

    def _report(self) -> _text.Report:
        # What they say is not repeated: it may have values in it, and the traceback shows it.
        raised = [type(error).__qualname__ for error in self.exceptions]
        return _text.Report(self.message, lists=[("Raised:", raised)])

    def derive(self, excs: Sequence[Exception], /) -> Self:  # type: ignore[override]
        """Keep the class when `except*` splits the group (PEP 654)."""
        return type(self)(self.message, excs)
