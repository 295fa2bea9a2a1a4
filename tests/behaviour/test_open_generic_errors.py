"""Group C: what is wrong with open generics, at construction and when they are asked for late."""

from typing import Any, Generic, TypeVar

import pytest

from lifescope import (
    CaptiveDependencyError,
    Container,
    CycleError,
    DuplicateProviderError,
    GraphError,
    InvalidProviderError,
    MissingProviderError,
    provider,
)
from reading import pointed_at

pytestmark = pytest.mark.anyio

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")


class Repo(Generic[T]):
    pass


class Pair(Generic[K, V]):
    pass


class User:
    pass


class Engine:
    pass


def at(function: Any) -> str:
    return f"test_open_generic_errors.py:{function.__code__.co_firstlineno}"


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


def test_two_open_providers_of_one_pattern():
    """B02: Two providers for the same pattern are duplicates, whatever T is called."""

    def one() -> Repo[T]:
        raise AssertionError

    def two() -> Repo[U]:
        raise AssertionError

    error = refused(provider(one, scope="app"), provider(two, scope="app"))
    assert type(error) is DuplicateProviderError
    assert [p.target for p in error.providers] == [one, two]
    for text in ("Repo[", "provided 2 times", at(one), at(two)):
        assert text in str(error)


async def test_open_provider_that_replaces_another():
    """B02: `replace=True` holds for patterns too."""
    one = provider(lambda: "one", scope="app", provides=Repo[T])
    two = provider(lambda: "two", scope="app", provides=Repo[U], replace=True)
    for parts in ((one, two), (two, one)):
        async with Container(parts).open() as app:
            assert await app.get(Repo[User]) == "two"


def ambiguous() -> list[Any]:
    def first() -> Pair[str, V]:
        raise AssertionError

    def second() -> Pair[K, int]:
        raise AssertionError

    return [first, second]


def test_ambiguous_patterns_at_construction():
    """B02: Where two patterns fit and neither is more specific, both are named."""

    @provider(scope="app")
    def service(pair: Pair[str, int]) -> Engine:
        raise AssertionError

    functions = ambiguous()
    error = refused(service, [provider(each, scope="app") for each in functions])
    assert type(error) is DuplicateProviderError
    assert error.key.form == Pair[str, int]
    assert sorted(p.name for p in error.providers) == ["first()", "second()"]
    for text in ("Pair[str, int]", *map(at, functions)):
        assert text in str(error)


async def test_ambiguous_patterns_asked_for_late():
    """B02: The same when it is asked for later, by whoever asks; others are not affected."""
    functions = ambiguous()
    async with Container(provider(each, scope="app") for each in functions).open() as app:
        for _ in range(2):
            with pytest.raises(DuplicateProviderError) as caught:
                await app.get(Pair[str, int])
            assert caught.value.key.form == Pair[str, int]
        with pytest.raises(AssertionError):
            await app.get(Pair[str, str])


def test_exact_provider_settles_what_is_ambiguous():
    """B02: With an exact provider nothing is ambiguous."""

    @provider(scope="app")
    def service(pair: Pair[str, int]) -> Engine:
        raise AssertionError

    exact = provider(lambda: 1, scope="app", provides=Pair[str, int])
    Container(service, exact, [provider(each, scope="app") for each in ambiguous()])


def test_endless_instances():
    """C11: A provider that needs ever deeper instances of itself is refused."""

    @provider(scope="app")
    def repo(deeper: Repo[list[T]]) -> Repo[T]:
        raise AssertionError

    @provider(scope="app")
    def service(repo: Repo[User]) -> Engine:
        raise AssertionError

    error = refused(repo, service)
    assert any(type(problem) is InvalidProviderError for problem in error.problems)
    assert "repo()" in str(error)
    assert at(repo) in str(error)


async def test_endless_instances_asked_for_late():
    """C11: The same when nobody has asked for one before."""

    @provider(scope="app")
    def repo(deeper: Repo[list[T]]) -> Repo[T]:
        raise AssertionError

    async with Container(repo).open() as app:
        for _ in range(2):
            with pytest.raises(GraphError, match=r"repo\(\)") as caught:
                await app.get(Repo[User])
            assert any(type(p) is InvalidProviderError for p in caught.value.problems)


def test_circle_of_an_instance():
    """C11: An open provider that needs the very instance that it makes is a circle."""

    @provider(scope="app")
    def repo(same: Repo[T]) -> Repo[T]:
        raise AssertionError

    @provider(scope="app")
    def service(repo: Repo[User]) -> Engine:
        raise AssertionError

    error = refused(repo, service)
    assert type(error) is CycleError
    assert at(repo) in str(error)


async def test_circle_of_an_instance_asked_for_late():
    """C11: The same when it is asked for late: an error, no hang, and again for the next."""

    @provider(scope="app")
    def repo(same: Repo[T]) -> Repo[T]:
        raise AssertionError

    async with Container(repo).open() as app:
        for _ in range(2):
            with pytest.raises(CycleError, match=r"repo\(\)"):
                await app.get(Repo[User])


def test_missing_need_of_an_open_provider():
    """C01: What an open provider needs in any case is checked, though nobody asks for it."""

    @provider(scope="app")
    def repo(engine: Engine, model: type[T]) -> Repo[T]:
        raise AssertionError

    error = refused(repo)
    assert type(error) is MissingProviderError
    assert error.key.form is Engine
    assert [(link.name, link.parameter) for link in error.chain] == [("repo()", "engine")]
    assert at(repo) in str(error)
    assert pointed_at(error) == ["engine"]


def test_missing_need_is_reported_once():
    """K03: One gap of an open provider is one problem, however many instances have it."""

    @provider(scope="app")
    def repo(engine: Engine) -> Repo[T]:
        raise AssertionError

    @provider(scope="app")
    def service(one: Repo[User], two: Repo[int], three: Repo[str]) -> str:
        raise AssertionError

    error = refused(repo, service)
    assert [p.key.form for p in error.problems] == [Engine]


def test_missing_need_of_an_instance():
    """C02: What only one instance needs is missing for that one; the chain shows who asks."""

    @provider(scope="app")
    def repo(pair: Pair[str, T]) -> Repo[T]:
        raise AssertionError

    @provider(scope="app")
    def service(repo: Repo[User]) -> Engine:
        raise AssertionError

    for_int = provider(lambda: 1, scope="app", provides=Pair[str, int])
    error = refused(repo, service, for_int)
    assert type(error) is MissingProviderError
    assert error.key.form == Pair[str, User]
    assert [link.name for link in error.chain] == ["service()", "repo()"]
    assert at(repo) in str(error)


async def test_missing_need_of_a_late_instance():
    """C02: Asked for late, the error names what is missing, and who needs it, each time."""

    @provider(scope="app")
    def repo(pair: Pair[str, T]) -> Repo[T]:
        return Repo()

    for_int = provider(lambda: 1, scope="app", provides=Pair[str, int])
    async with Container(repo, for_int).open() as app:
        for _ in range(2):
            with pytest.raises(MissingProviderError) as caught:
                await app.get(Repo[User])
            assert caught.value.key.form == Pair[str, User]
            assert pointed_at(caught.value) == ["pair"]
            for text in ("repo(pair)", at(repo)):
                assert text in str(caught.value)
        assert type(await app.get(Repo[int])) is Repo


def test_captive_need_of_an_open_provider():
    """C04: An open provider's needs are checked for their lifetime, though nobody asks for it."""

    @provider(scope="app")
    def repo(engine: Engine) -> Repo[T]:
        raise AssertionError

    error = refused(repo, provider(Engine, scope="request"))
    assert type(error) is CaptiveDependencyError
    assert error.inner.target is Engine
    assert at(repo) in str(error)
    assert pointed_at(error) == ["engine"]


async def test_captive_need_of_a_late_instance():
    """C04: A late instance that would keep something shorter-lived is refused each time."""

    @provider(scope="app")
    def repo(pair: Pair[str, T]) -> Repo[T]:
        raise AssertionError

    pair = provider(lambda: 1, scope="request", provides=Pair[K, V])
    async with Container(repo, pair).open() as app, app.open() as request:
        for _ in range(2):
            with pytest.raises(CaptiveDependencyError):
                await request.get(Repo[User])


async def test_missing_instance():
    """C01: A generic of which no pattern fits is missing; what is close is suggested."""

    @provider(scope="app")
    def repo() -> Repo[list[T]]:
        raise AssertionError

    async with Container(repo).open() as app:
        for form in (Repo[User], Repo, Repo[Any], Pair[str, str]):
            with pytest.raises(MissingProviderError):
                await app.get(form)
        with pytest.raises(MissingProviderError, match=r"repo\(\)"):
            await app.get(Repo[User])


async def test_open_key_asked_for():
    """C01: Nobody can ask for `Repo[T]` itself."""

    @provider(scope="app")
    def repo() -> Repo[T]:
        raise AssertionError

    async with Container(repo).open() as app:
        with pytest.raises(MissingProviderError):
            await app.get(Repo[T])


def test_parameter_with_a_type_variable_in_a_closed_provider():
    """C01: A provider that is not generic itself cannot ask for T."""

    @provider(scope="app")
    def service(repo: Repo[T]) -> Engine:
        raise AssertionError

    error = refused(service, provider(lambda: 1, scope="app", provides=Repo[U]))
    assert at(service) in str(error)
    assert pointed_at(error) == ["repo"]
