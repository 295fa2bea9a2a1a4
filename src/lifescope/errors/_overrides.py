"""Raised by `container.override`, and by `lifescope.testing`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lifescope import _text
from lifescope._model.keys import Key, list_of
from lifescope._model.names import Place
from lifescope._model.provider import Nearness, Suggestion
from lifescope.errors._base import LifescopeError
from lifescope.errors._missing import asked_as, close_to, is_text

__all__ = [
    "DuplicateOverrideError",
    "MissingMemberError",
    "OpenScopesError",
    "OverrideError",
    "UnknownMemberError",
    "UnknownOverrideError",
    "WrongMemberError",
]


class OverrideError(LifescopeError):
    """Base of the errors that `container.override` raises."""


@dataclass(eq=False, kw_only=True, repr=False)
class UnknownOverrideError(OverrideError, LookupError, code="LS401"):
    """Raised when the key that is to be overridden has no provider.

    Attributes:
        key: The key.
        suggestions: What is close to it, and how.
    """

    key: Key
    suggestions: Sequence[Suggestion] = ()

    def _report(self) -> _text.Report:
        text = is_text(self.key)
        close = [] if text else [close_to(self.key, suggestion) for suggestion in self.suggestions]
        meant = [] if text else [*dict.fromkeys(self._others())][:2]
        return _text.Report(
            f"nothing provides {self.key}, so it cannot be overridden",
            lists=[("Close to it:", close)],
            fixes=[
                *([f"override the class itself, without quotes: {self.key}."] if text else meant),
                "override what is provided, under the key with which it is asked for.",
            ],
        )

    def _others(self) -> Iterator[str]:
        for suggestion in self.suggestions:
            provider = suggestion.provider
            key = list_of(provider.key) if provider.many else provider.key
            if suggestion.nearness is not Nearness.LEFT_OUT:  # it is not in this container either
                yield f"override {asked_as(key, key.name)}, if that is meant."


@dataclass(eq=False, kw_only=True, repr=False)
class DuplicateOverrideError(OverrideError, ValueError, code="LS402"):
    """Raised when one override has two replacements for one key.

    Attributes:
        key: The key.
        spelled: How it was written, each time.
    """

    key: Key
    spelled: Sequence[str]

    def _report(self) -> _text.Report:
        return _text.Report(
            f"one override replaces {self.key} {len(self.spelled)} times",
            lists=[("All of these are the same key:", self.spelled)],
            fixes=["keep one of them, or nest two overrides: the inner one wins."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class MissingMemberError(LifescopeError, code="LS403"):
    """Raised when a partial fake is asked for a member that it was not given.

    It is no AttributeError, so that `hasattr` does not take the member for one that is not there.

    Attributes:
        member: `Mailer.close`, say.
        made_at: Where the fake was made.
    """

    member: str
    made_at: Place

    def _report(self) -> _text.Report:
        name = self.member.rpartition(".")[2]
        return _text.Report(
            f"{self.member} is not part of this fake, made at {self.made_at}",
            fixes=[f"give it one: partial(..., {name}=...)."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class UnknownMemberError(LifescopeError, TypeError, code="LS404"):
    """Raised when a partial fake is given a member that its class does not have.

    Attributes:
        member: `Mailer.sent`, say.
        close: The names that are like it.
    """

    member: str
    close: Sequence[str] = ()

    def _report(self) -> _text.Report:
        cls, _, name = self.member.rpartition(".")
        return _text.Report(
            f"{cls} has no member {name}, so a fake of it cannot have one",
            lists=[("Close to it:", self.close)],
            fixes=["fake a member that the class has: the others are never asked for."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class WrongMemberError(LifescopeError, TypeError, code="LS405"):
    """Raised when what a partial fake is given for a method cannot be called as the method is.

    Attributes:
        member: `Mailer.send(to, text)`, say: what it stands for.
        given: What it was given.
    """

    member: str
    given: str

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.given} cannot be called as {self.member} is",
            fixes=["take the same parameters, without self; or (*args, **kwargs)."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class OpenScopesError(LifescopeError, AssertionError, code="LS406"):
    """Raised by `lifescope.testing.assert_no_open_scopes` when scopes are open.

    Attributes:
        scopes: Each of them, with where it was opened, or what it serves.
    """

    scopes: Sequence[str]

    def _report(self) -> _text.Report:
        count = len(self.scopes)
        return _text.Report(
            "a scope is still open" if count == 1 else f"{count} scopes are still open",
            lists=[("Not closed yet:", self.scopes)],
            fixes=["open scopes with async with, and wait for the tasks that do."],
        )
