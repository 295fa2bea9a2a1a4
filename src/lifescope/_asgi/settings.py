"""Settings: what `container.asgi` was told."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

from lifescope._model.names import Place

__all__ = ["OnCrash", "Settings"]

OnCrash = Literal["stop"] | Callable[[BaseException], Awaitable[None] | None] | None


class Settings(NamedTuple):
    """See `Container.asgi`; all times are in seconds.

    Attributes:
        place: Where it was called.
    """

    place: Place | None
    values: Mapping[Any, Any]
    exclude: frozenset[ContextVar[Any]]
    concurrent_start: bool
    start_timeout: float | None
    drain_timeout: float
    crash_timeout: float
    stop_timeout: float
    on_crash: OnCrash
    start_on_request: bool
    is_failure: Callable[[Exception], bool] | None
