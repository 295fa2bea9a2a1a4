"""Raised by `container.override`."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place
from lifescope._model.provider import Provider
from lifescope.errors._base import LifescopeError

__all__ = ["LateOverrideError", "OverrideError", "UnknownOverrideError"]


class OverrideError(LifescopeError):
    """Base of the errors that `container.override` raises."""


@dataclass(eq=False, kw_only=True, repr=False)
class UnknownOverrideError(OverrideError, LookupError):
    """Raised when the key that is to be overridden has no provider.

    Attributes:
        key: The key.
        suggestions: Providers whose keys are close to it.
    """

    key: Key
    suggestions: Sequence[Provider] = ()

    def __str__(self) -> str:
        return _text.join(
            f"nothing provides {self.key}, so it cannot be overridden",
            _text.bullets(
                "Did you mean:", [f"{_text.keys(p)}, provided by {p}" for p in self.suggestions]
            ),
        )


@dataclass(eq=False, kw_only=True, repr=False)
class LateOverrideError(OverrideError):
    """Raised when a container is overridden while an app scope of it is open.

    Attributes:
        keys: The keys.
        opened_at: Where the open app scope was opened, if that is known.
    """

    keys: Sequence[Key]
    opened_at: Place | None = None

    def __str__(self) -> str:
        opened = f" (opened at {self.opened_at})" if self.opened_at else ""
        return (
            f"{', '.join(map(str, self.keys))} cannot be overridden now: an app scope of this "
            f"container is open{opened}\n\n"
            f"  Override before the app starts: with container.override(...), TestClient(app) as "
            f"client: ..."
        )
