"""Group C: the check sees through `Lazy[T]`, `Factory[T]` and `Current[T]`."""

from typing import Any

import pytest

from lifescope import (
    CaptiveDependencyError,
    Container,
    Current,
    CycleError,
    Factory,
    GraphError,
    Lazy,
    MissingProviderError,
    provider,
)
from reading import pointed_at


class A:
    pass


class B:
    pass


class C:
    pass


def at(function: Any) -> str:
    return f"test_relation_checks.py:{function.__code__.co_firstlineno}"


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


@pytest.mark.parametrize("relation", [Lazy, Factory, Current], ids=lambda r: r.__name__)
def test_handle_of_what_nothing_provides(relation):
    """C01: Nothing provides what a handle leads to: it is T that is missing, not the handle."""

    @provider(scope="app")
    def make(handle: relation[A]) -> B:
        raise AssertionError

    error = refused(make)
    assert type(error) is MissingProviderError
    assert error.key.form is A
    (link,) = error.chain
    assert (link.name, link.parameter) == ("make()", "handle")
    assert pointed_at(error) == ["handle"]
    for text in ("nothing provides A", "make(handle)", at(make)):
        assert text in str(error)


def test_handle_of_what_has_missing_needs():
    """C02: What a handle leads to is checked like everything else."""

    @provider(scope="app")
    def make(handle: Lazy[A]) -> B:
        raise AssertionError

    @provider(scope="app")
    def a(c: C) -> A:
        raise AssertionError

    error = refused(make, a)
    assert type(error) is MissingProviderError
    assert error.key.form is C
    names = [link.name for link in error.chain]
    assert (names[0], names[-1]) == ("make()", "a()")


@pytest.mark.parametrize("relation", [Lazy, Factory], ids=lambda r: r.__name__)
@pytest.mark.parametrize("through", ["directly", "through a transient", "through a list"])
def test_captive_through_a_handle(relation, through):
    """C08: A handle of something shorter-lived is as bad as the object itself."""
    asked: Any = {"through a transient": C, "through a list": list[A]}.get(through, A)

    @provider(scope="app")
    def holder(handle: relation[asked]) -> B:
        raise AssertionError

    @provider(scope="transient")
    def between(a: A) -> C:
        raise AssertionError

    inner = provider(A, scope="request", many=through == "through a list")
    error = refused(holder, inner, *([between] if through == "through a transient" else []))
    assert type(error) is CaptiveDependencyError
    assert error.outer.target is holder
    assert error.inner.target is A
    assert pointed_at(error) == ["a" if through == "through a transient" else "handle"]
    for text in (
        at(holder),
        "holder(handle)",
        "holder()",
        '"app"',
        '"request"',
        "test_relation_checks.py",
    ):
        assert text in str(error)


@pytest.mark.parametrize("order", ["holder first", "made first"])
def test_captive_through_a_factory_that_closes_a_circle(order):
    """C08: A circle through a factory hides nothing, in whichever order it is declared."""

    @provider(scope="app")
    def holder(factory: Factory[B]) -> A:
        raise AssertionError

    @provider(scope="transient")
    def made(a: A, c: C) -> B:
        raise AssertionError

    sources = [holder, made] if order == "holder first" else [made, holder]
    error = refused(*sources, provider(C, scope="request"))
    assert type(error) is CaptiveDependencyError
    assert (error.outer.target, error.inner.target) == (holder, C)


def test_current_is_no_captive():
    """C08: A longer-lived object may hold what looks up the current one."""

    @provider(scope="app")
    def holder(current: Current[A]) -> B:
        raise AssertionError

    Container(holder, provider(A, scope="request"))


@pytest.mark.parametrize("relation", [Lazy, Factory], ids=lambda r: r.__name__)
def test_handle_in_an_app_scoped_object_that_leads_to_a_wider_scope(relation):
    """C08: A shorter-lived object may hold a handle of a longer-lived one."""

    @provider(scope="request")
    def holder(handle: relation[A]) -> B:
        raise AssertionError

    Container(holder, provider(A, scope="app"))


def test_circle_through_lazy_handles():
    """C11: Two objects that await each other would wait for ever: a circle is refused."""

    @provider(scope="app")
    def one(other: Lazy[B]) -> A:
        raise AssertionError

    @provider(scope="app")
    def two(other: A) -> B:
        raise AssertionError

    error = refused(one, two)
    assert type(error) is CycleError
    names = [link.name for link in error.chain]
    assert {"one()", "two()"} <= set(names)
    assert pointed_at(error) == ["other"]
    for text in (at(one), at(two), "needs itself"):
        assert text in str(error)


def test_lazy_handle_of_oneself():
    """C11: An object that awaits itself is a circle, too."""

    @provider(scope="app")
    def one(myself: Lazy[A]) -> A:
        raise AssertionError

    error = refused(one)
    assert type(error) is CycleError
    assert at(one) in str(error)
