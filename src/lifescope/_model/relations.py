"""`Lazy`, `Factory` and `Current`: how a parameter's type says that T is asked for later.

They are protocols: whatever a test passes instead needs nothing of ours.
"""

from collections.abc import Generator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from lifescope._model.provider import Kind

__all__ = ["RELATIONS", "Current", "Factory", "Lazy"]

T_co = TypeVar("T_co", covariant=True)


class Lazy(Protocol[T_co]):
    """A parameter's type: the T of the scope, acquired when it is first awaited.

    `index = await self.index`, as often as you like: it is the same object each time, the one
    that others who ask for T get. T lives no longer than the object that holds the handle, and
    if it is acquired later, it is released earlier.

    Raises:
        ScopeClosedError: Raised when awaited after the scope has ended.
    """

    def __await__(self) -> Generator[Any, Any, T_co]:
        """The object."""
        ...


class Factory(Protocol[T_co]):
    """A parameter's type: a new T for each `async with factory() as t:`.

    It is released at the end of the block, together with the transients that were made for it.
    What else it needs is shared, as ever. No scope keeps it. A block may not outlive the scope
    in which the holder of the handle lives.

    Raises:
        ScopeClosedError: Raised when entered after that scope has ended.
    """

    def __call__(self) -> AbstractAsyncContextManager[T_co]:
        """A context manager, to be entered once."""
        ...


class Current(Protocol[T_co]):
    """A parameter's type: the T of the request that is running, for what lives longer.

    `session = await self.session` in a method that is called during a request. It is the only
    way in which an app-scoped object may reach a request-scoped one; keep nothing of it.

    Raises:
        NoScopeError: Raised when awaited where no scope of the container is open.
        ScopeOrderError: Raised when awaited outside of any scope in which T lives.
    """

    def __await__(self) -> Generator[Any, Any, T_co]:
        """The object."""
        ...


RELATIONS: dict[Any, Kind] = {Lazy: Kind.LAZY, Factory: Kind.FACTORY, Current: Kind.CURRENT}
"""The kind of provider that stands for each."""
