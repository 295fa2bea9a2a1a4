"""Raised by `container.override`."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place
from lifescope._model.provider import Suggestion
from lifescope.errors._base import LifescopeError
from lifescope.errors._graph import close_to

__all__ = ["LateOverrideError", "OverrideError", "UnknownOverrideError"]


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
        close = [close_to(self.key, suggestion) for suggestion in self.suggestions]
        return _text.Report(
            f"nothing provides {self.key}, so it cannot be overridden",
            lists=[("Close to it:", close)],
            fixes=["override what is provided, under the key with which it is asked for."],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class LateOverrideError(OverrideError, code="LS402"):
    """Raised when a container is overridden while an app scope of it is open.

    Attributes:
        keys: The keys.
        opened_at: Where the open app scope was opened, if that is known.
    """

    keys: Sequence[Key]
    opened_at: Place | None = None

    def _report(self) -> _text.Report:
        opened = [str(self.opened_at or "container.asgi(...): the app is running")]
        return _text.Report(
            f"too late to override {', '.join(map(str, self.keys))}: an app scope is open",
            lists=[("It was opened at:", opened)],
            fixes=[
                "override before the app starts:\n"
                "with container.override(...), TestClient(app) as client: ...",
            ],
        )
