"""Programs with something that cannot be read, or cannot be a provider."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Self

from lifescope import Container, inject, provider
from texts import elsewhere
from texts.programs import SECRET, program

if TYPE_CHECKING:
    from decimal import Decimal


class Session: ...


class Lock:
    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


@program
def unannotated_parameter() -> None:
    """C13: Nothing says what to pass."""

    @provider(scope="app")
    def open_session(session: int, pool) -> Session: ...  # type: ignore[no-untyped-def]

    Container(open_session, provider(lambda: 1, scope="app", provides=int))


@program
def unannotated_result() -> None:
    """C13: Nothing says what it provides."""

    @provider(scope="app")
    def open_session(number: int = 3): ...  # type: ignore[no-untyped-def]

    Container(open_session)


@program
def unannotated_generator() -> None:
    """C13: It yields something, but what?"""

    @provider(scope="app")
    def open_session() -> Iterator[Any]: ...

    Container(open_session)


@program
def unresolvable_parameter() -> None:
    """C13: A name that is there for type checkers only."""

    @provider(scope="app")
    def open_session(name: str, price: "Decimal") -> Session: ...

    Container(open_session, provider(lambda: SECRET, scope="app", provides=str))


@program
def unresolvable_result() -> None:
    """C13: The same for the result."""

    @provider(scope="app")
    def price() -> "Decimal": ...

    Container(price)


@program
def ambiguous_context_manager() -> None:
    """C13: To enter it or not to enter it?"""

    @provider(scope="app")
    def make_lock() -> Lock: ...

    Container(make_lock)


@program
def not_a_provider() -> None:
    """B17: A function that is not marked."""

    def open_session() -> Session: ...

    Container(open_session)


@program
def not_a_source() -> None:
    """K12: An object; its value is not shown."""

    class Settings:
        def __repr__(self) -> str:
            return SECRET

    Container(Settings())


@program
def module_without_providers() -> None:
    """B17: Nothing is marked in it."""
    Container(elsewhere)


@program
def injected_generator() -> None:
    """@inject cannot wrap it."""

    @inject
    async def numbers(session: Session) -> AsyncIterator[int]:
        yield 1


@program
def scopes_twice() -> None:
    """Names of scopes are there once."""
    Container(scopes=("app", "app"))
