"""How a parameter's type says that something is asked for later, or begun on the side.

They are protocols: whatever a test passes instead needs nothing of ours.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from lifescope._model.provider import Kind, Link

__all__ = ["RELATIONS", "Background", "Current", "Factory", "Lazy", "relation_of"]

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


class Background(Protocol):
    """A parameter's type: starts work that may outlive the request that starts it.

    Such work has a request scope of its own, and context variables as they are where it is
    started. When the app stops it is waited for, like a request, and cancelled after
    `drain_timeout`; only then are app-scoped objects released. An error goes to the log.
    """

    def spawn(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        values: Mapping[Any, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Start *fn*, sync or async, and do not wait for it; from a worker thread, too.

        Its parameters that are not passed are filled from its scope, as by `OpenScope.call`.

        Args:
            fn: The function.
            args: What is passed by position.
            values: Key to object, for what is declared with `supplied` in the request scope.
            kwargs: What is passed by name.

        Raises:
            ScopeClosedError: The app has stopped.
            SuppliedValueError: The values are not the declared ones.
        """
        ...


RELATIONS: dict[Any, Kind] = {Lazy: Kind.LAZY, Factory: Kind.FACTORY, Current: Kind.CURRENT}
"""The kind of provider that stands for each."""


def relation_of(link: Link) -> str:
    """`Lazy`, where *link* is the handle that somebody asks for as `Lazy[T]`; or nothing."""
    name = link.name.partition("[")[0]
    return name if link.place is None and name in {each.__name__ for each in RELATIONS} else ""
