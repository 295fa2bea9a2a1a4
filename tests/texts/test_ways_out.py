"""K01, K04: The first way out is one that works, and its place is where the change is made."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pytest

from lifescope import (
    CaptiveDependencyError,
    Container,
    CycleError,
    GraphError,
    InvalidProviderError,
    MissingProviderError,
    SuppliedValueError,
    UnannotatedError,
    UnknownScopeError,
    UnresolvableAnnotationError,
    provider,
    supplied,
)
from reading import said


class Session: ...


class Settings: ...


class Mailer(Protocol):
    def send(self) -> None: ...


class Base:
    """Its parameters are not here, but below."""

    def __init__(self, settings) -> None: ...  # type: ignore[no-untyped-def]


class Derived(Base):
    """Has the `__init__` of another class."""


@dataclass
class Record:
    """Nobody has written its `__init__`."""

    settings: "Nothing"  # type: ignore[name-defined]  # noqa: F821


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


def line_of(written: Callable[..., Any] | type) -> int:
    return inspect.getsourcelines(written)[1]


def first(error: BaseException) -> str:
    """What the first way out says."""
    return said(error).partition("Fix: ")[2].partition(" or: ")[0]


# --- places -----------------------------------------------------------------------------------


def test_place_of_a_parameter_is_that_of_the_init() -> None:
    """K01: In whichever class it stands."""
    error = refused(provider(Derived, scope="app"))
    assert isinstance(error, UnannotatedError)
    assert error.place is not None
    assert error.place.line == line_of(Base.__init__)


def test_place_of_a_generated_init_is_that_of_the_class() -> None:
    """K01: There stand the fields."""
    error = refused(provider(Record, scope="app"))
    assert isinstance(error, UnresolvableAnnotationError)
    assert error.place is not None
    assert error.place.line == line_of(Record)


def make_session() -> Session:
    return Session()


def test_place_of_a_scope_is_where_it_is_said() -> None:
    """K01: Not where the function is written."""
    record = provider(make_session, scope="ap")
    error = refused(record)
    assert isinstance(error, UnknownScopeError)
    assert error.place is not None
    assert record.said_at is not None
    assert error.place == record.said_at
    assert error.place.line != line_of(make_session)
    assert first(error).startswith('say "app"')


@pytest.mark.parametrize("name", ["APP", "application", "ap", "aap"])
def test_scope_that_is_meant(name: str) -> None:
    """K01: In capitals, written out, cut short, misspelled."""
    assert first(refused(provider(make_session, scope=name))).startswith('say "app"')


def test_place_of_the_container() -> None:
    """K01: There something is to be passed on."""

    @provider(scope="app")
    def report(session: Session) -> int: ...

    error = refused(report)
    assert isinstance(error, MissingProviderError)
    assert error.container is not None
    assert error.container.line == line_of(refused) + 2
    assert first(error).endswith(f"give it to Container(...) ({error.container}).")


# --- what lives too short ---------------------------------------------------------------------


def keepers(kept: Any, *, eager: bool | None = None) -> list[Any]:
    """Three of the app that keep something, in three places."""

    def first(kept: kept) -> int: ...
    def second(kept: kept) -> str: ...
    def third(kept: kept) -> bytes: ...

    return [provider(each, scope="app", eager=eager) for each in (first, second, third)]


def test_many_that_may_live_shorter() -> None:
    """C06: Each repository is to live as long as the session, which is no mistake."""
    error = refused(provider(Session, scope="request"), *keepers(Session))
    assert len(error.problems) == 3
    names = [first(each).partition("() the scope")[0] for each in error.problems]
    assert names == ["give first", "give second", "give third"]


def test_many_that_may_not() -> None:
    """C06: What they keep has the wrong scope, and is told once."""
    error = refused(supplied(Settings, scope="request"), *keepers(Settings, eager=True))
    assert isinstance(error, CaptiveDependencyError)
    assert len(error.others) == 2
    assert first(error).startswith('give Settings the scope "app"')


def test_many_that_may_not_keep_what_is_released() -> None:
    """C06: A session that everybody shares is no way out."""

    @provider(scope="request")
    def session() -> Iterator[Session]:
        yield Session()

    error = refused(session, *keepers(Session, eager=True))
    assert len(error.problems) == 3
    assert all("ask for Current[Session]" in first(each) for each in error.problems)


def test_one_that_others_keep() -> None:
    """C06: With a shorter life, it would be kept too long itself."""

    class Cache: ...

    @provider(scope="app")
    def cache(session: Session) -> Cache: ...

    error = refused(provider(Session, scope="request"), cache, *keepers(Cache))
    assert "let cache() ask for Current[Session]" in first(error)
    assert 'give cache() the scope "request"' not in said(error)


# --- circles, and decorators ------------------------------------------------------------------


def test_circle_is_not_cut_at_what_is_decorated() -> None:
    """C04: A decorator has to have what it wraps."""

    class Post: ...

    class Box: ...

    @provider(scope="app")
    def post(box: Box) -> Post: ...

    @provider(scope="app", decorate=True)
    def counted(post: Post) -> Post: ...

    @provider(scope="app")
    def box(post: Post) -> Box: ...

    error = refused(post, counted, box)
    assert isinstance(error, CycleError)
    assert "counted() ask for" not in said(error)
    assert "ask for Current[" in first(error)


def test_decorator_that_asks_for_an_implementation() -> None:
    """B13: Only that is told, and not that nothing provides it."""

    class Smtp:
        def send(self) -> None: ...

    class Patient:
        def __init__(self, limit: Settings, inner: Smtp) -> None: ...

    error = refused(
        provider(Smtp, scope="app", provides=Mailer),
        provider(Settings, scope="app"),
        provider(Patient, scope="app", provides=Mailer, decorate=True),
    )
    assert type(error) is InvalidProviderError
    assert first(error).startswith("ask for what it wraps as Mailer: inner: Mailer")


def test_decorator_without_a_parameter() -> None:
    """B13: There is nothing that could be meant."""

    class Silent:
        def send(self) -> None: ...

    error = refused(
        provider(Silent, scope="app", provides=Mailer),
        provider(Silent, scope="app", provides=Mailer, decorate=True),
    )
    assert first(error).startswith("add a parameter for what it wraps: inner: Mailer")


# --- values -----------------------------------------------------------------------------------


async def test_values_for_another_scope() -> None:
    """I06: It is declared, but not for this one."""
    declared = supplied(Settings, scope="request")
    container = Container(declared)
    with pytest.raises(SuppliedValueError) as caught:
        async with container.open(values={Settings: Settings()}):
            pass
    assert first(caught.value) == f'declare it for the scope "app" ({declared.place}).'


async def test_values_that_a_provider_makes() -> None:
    """I06: The place of the provider, to choose one of the two."""
    container = Container(provider(Settings, scope="app"))
    with pytest.raises(SuppliedValueError) as caught:
        async with container.open(values={Settings: Settings()}):
            pass
    assert first(caught.value).startswith("leave it out")
    assert "it is made by Settings" in first(caught.value)


pytestmark = pytest.mark.anyio


def test_scope_that_is_meant_is_the_one_that_is_looked_at() -> None:
    """C04, K01: What is wrong with the scope that is meant is told with the misspelled one."""

    class Report:
        def __init__(self, session: Session) -> None: ...

    sources = provider(Session, scope="requst"), provider(Report, scope="app")
    error = refused(*sources)
    assert [type(problem) for problem in error.problems] == [
        UnknownScopeError,
        CaptiveDependencyError,
    ]
    missing = refused(provider(Report, scope="requst"))
    assert 'supplied(Session, scope="request")' in str(missing)


def test_literal_is_spelled_as_it_is_written() -> None:
    """K01: What a way out says can be copied."""

    def make(mode: Literal["fast", "safe"]) -> Session: ...

    assert "Literal['fast', 'safe']" in str(refused(provider(make, scope="app")))
