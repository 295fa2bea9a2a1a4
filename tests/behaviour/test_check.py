"""Group C: the check at construction finds every mistake, and runs nothing."""

from collections.abc import AsyncIterator, Iterator

import pytest

from lifescope import (
    AmbiguousContextManagerError,
    CaptiveDependencyError,
    Container,
    CycleError,
    DuplicateProviderError,
    GraphError,
    InvalidProviderError,
    LifescopeError,
    MissingProviderError,
    UnannotatedError,
    UnknownScopeError,
    UnresolvableAnnotationError,
    provider,
    supplied,
)
from reading import said

HERE = "test_check.py"


def line_of(function):
    return function.__code__.co_firstlineno


def at(function):
    return f"{HERE}:{line_of(function)}"


def refused(*sources, **options) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources, **options)
    return caught.value


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


class E:
    pass


# --- missing --------------------------------------------------------------------------------


def test_missing_names_who_asked_and_where():
    """C01: A missing dependency is an error with its asker, the parameter, and file:line."""

    @provider(scope="app")
    def make_a(needed: B) -> A:
        raise AssertionError

    error = refused(make_a)
    assert type(error) is MissingProviderError
    assert isinstance(error, LookupError)
    assert isinstance(error, LifescopeError)
    assert error.problems == (error,)
    assert error.key.form is B
    (link,) = error.chain
    assert (link.name, link.parameter, link.scope) == ("make_a()", "needed", "app")
    assert link.place.line == line_of(make_a)
    assert link.place.file == __file__
    for text in ("nothing provides B", "make_a(needed)", at(make_a)):
        assert text in str(error)


def test_missing_transitive_shows_the_way_from_an_entry_point():
    """C02: The chain starts at a provider that nobody needs, and is the shortest one."""

    @provider(scope="app")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_b(c: C) -> B:
        raise AssertionError

    @provider(scope="app")
    def make_c(d: D) -> C:
        raise AssertionError

    @provider(scope="app")
    def make_e(c: C) -> E:
        raise AssertionError

    error = refused(make_a, make_b, make_c)
    assert [(link.name, link.parameter) for link in error.chain] == [
        ("make_a()", "b"),
        ("make_b()", "c"),
        ("make_c()", "d"),
    ]
    for function in (make_a, make_b, make_c):
        assert at(function) in str(error)
    error = refused(make_a, make_b, make_c, make_e)
    assert [link.name for link in error.chain] == ["make_e()", "make_c()"]


def test_missing_suggests_at_most_three_close_ones():
    """C01: What is close to the missing key is suggested, at most three."""

    class Database:
        pass

    class DatabasePool(Database):
        pass

    class User:
        def __init__(self, database: Database) -> None: ...

    error = refused(
        provider(User, scope="app"),
        provider(DatabasePool, scope="app"),
        [provider(Database, scope="app", name=f"replica {n}") for n in range(4)],
    )
    assert isinstance(error, MissingProviderError)
    assert len(error.suggestions) == 3
    assert "Close to it:" in str(error)
    assert 'Database (named "replica 0")' in said(error)


def test_missing_without_anything_close_suggests_nothing():
    """C01: Nothing is suggested where nothing is close."""

    class Database:
        pass

    class Zebra:
        pass

    class User:
        def __init__(self, database: Database) -> None: ...

    error = refused(provider(User, scope="app"), provider(Zebra, scope="app"))
    assert isinstance(error, MissingProviderError)
    assert error.suggestions == ()
    assert "Zebra" not in str(error)


def test_missing_parameters_are_each_reported():
    """C03: Two missing parameters of one provider are two problems."""

    @provider(scope="app")
    def make_a(first: B, second: C) -> A:
        raise AssertionError

    error = refused(make_a)
    assert [problem.key.form for problem in error.problems] == [B, C]


def test_declared_outside_input_is_not_missing():
    """C18: What is declared with `supplied` counts as provided."""
    Container(provider(A, scope="app"), supplied(B, scope="app"), provider(lambda: C(), **OF_C))


OF_C = {"scope": "request", "provides": C}


def test_undeclared_outside_input_says_how_to_declare_it():
    """C18: The error for a missing key says that it can be declared with `supplied`."""

    @provider(scope="request")
    def make_a(b: B) -> A:
        raise AssertionError

    assert "supplied(" in str(refused(make_a))


# --- duplicate ------------------------------------------------------------------------------


def test_duplicate_names_all_providers():
    """B02: Three providers for one key are one problem that names all three, in order."""

    def make_one() -> A:
        raise AssertionError

    def make_two() -> A:
        raise AssertionError

    def make_three() -> A:
        raise AssertionError

    functions = (make_one, make_two, make_three)
    error = refused([provider(scope="app")(function) for function in functions])
    assert type(error) is DuplicateProviderError
    assert error.key.form is A
    assert [p.target for p in error.providers] == list(functions)
    for function in functions:
        assert at(function) in str(error)


def test_provider_and_value_for_one_key_are_duplicates():
    """B02: A value of the container counts as a provider of its key."""
    error = refused(provider(A, scope="app"), values={A: A()})
    assert type(error) is DuplicateProviderError


def test_scopes_do_not_tell_providers_apart():
    """B02: One key in two scopes is provided twice."""
    error = refused(provider(A, scope="app"), provider(A, scope="request"))
    assert type(error) is DuplicateProviderError


# --- captive --------------------------------------------------------------------------------


def names(chain):
    return [link.name for link in chain]


@pytest.mark.parametrize(
    ("outer", "inner"), [("app", "request"), ("app", "call"), ("request", "call")]
)
def test_captive_direct(outer, inner):
    """C04: A longer-lived thing that needs a shorter-lived one is an error naming both ends."""

    @provider(scope=outer)
    def make_a(held: B) -> A:
        raise AssertionError

    @provider(scope=inner)
    def make_b() -> B:
        raise AssertionError

    error = refused(make_a, make_b)
    assert type(error) is CaptiveDependencyError
    assert (error.outer.target, error.inner.target) == (make_a, make_b)
    assert names(error.chain) == ["make_a()", "make_b()"]
    for text in (at(make_a), at(make_b), "make_a(held)", f'"{outer}"', f'"{inner}"', "make_a()"):
        assert text in str(error)


def test_captive_through_transients_names_the_outer_one():
    """C05: Through transients the error names the longer-lived one and the whole way."""

    @provider(scope="app")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="transient")
    def make_b(c: C) -> B:
        raise AssertionError

    @provider(scope="transient")
    def make_c(d: D) -> C:
        raise AssertionError

    @provider(scope="request")
    def make_d() -> D:
        raise AssertionError

    error = refused(make_d, make_c, make_b, make_a)
    assert type(error) is CaptiveDependencyError
    assert (error.outer.target, error.inner.target) == (make_a, make_d)
    assert names(error.chain) == ["make_a()", "make_b()", "make_c()", "make_d()"]


def test_captive_in_the_middle_names_the_middle():
    """C06: From request over app to request, the error names the app-scoped middle."""

    @provider(scope="request")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_b(c: C) -> B:
        raise AssertionError

    @provider(scope="request")
    def make_c() -> C:
        raise AssertionError

    error = refused(make_a, make_b, make_c)
    assert type(error) is CaptiveDependencyError
    assert (error.outer.target, error.inner.target) == (make_b, make_c)


def test_captive_supplied_value():
    """C04: A value that is supplied per request cannot be kept by an app-scoped thing."""

    @provider(scope="app")
    def make_a(b: B) -> A:
        raise AssertionError

    error = refused(make_a, supplied(B, scope="request"))
    assert type(error) is CaptiveDependencyError
    assert error.inner.key.form is B


def test_captive_in_scopes_of_ones_own():
    """C04: The order of scopes is the one that the container was given."""

    @provider(scope="inner")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="outer")
    def make_b() -> B:
        raise AssertionError

    Container(make_a, make_b, scopes=("outer", "inner"))
    error = refused(make_a, make_b, scopes=("inner", "outer"))
    assert type(error) is CaptiveDependencyError


def test_each_captive_need_is_reported():
    """C03: A provider that would keep two shorter-lived things has two problems."""

    @provider(scope="app")
    def make_a(b: B, c: C) -> A:
        raise AssertionError

    error = refused(make_a, provider(B, scope="request"), provider(C, scope="request"))
    assert sorted(p.inner.key.form.__name__ for p in error.problems) == ["B", "C"]


def test_shorter_lived_may_need_longer_lived():
    """C04: The other direction is fine, also through a transient."""

    @provider(scope="call")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="transient")
    def make_b(c: C, d: D) -> B:
        raise AssertionError

    Container(make_a, make_b, provider(C, scope="app"), provider(D, scope="request"))


# --- cycles ---------------------------------------------------------------------------------


def test_self_cycle():
    """C11: A provider that needs what it provides is a circle of one."""

    @provider(scope="app")
    def make_a(again: A) -> A:
        raise AssertionError

    error = refused(make_a)
    assert type(error) is CycleError
    assert [(link.name, link.parameter) for link in error.chain] == [("make_a()", "again")]
    for text in ("make_a(again)", at(make_a)):
        assert text in str(error)


def test_cycle_of_two():
    """C11: Two providers that need each other are one circle, reported once."""

    @provider(scope="app")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="request")
    def make_b(a: A) -> B:
        raise AssertionError

    error = refused(make_a, make_b)
    assert type(error) is CycleError
    assert names(error.chain) == ["make_a()", "make_b()"]
    assert at(make_a) in str(error)
    assert at(make_b) in str(error)


def test_cycle_of_three_behind_an_entry_point():
    """C11: Who only needs something in the circle is no part of it."""

    @provider(scope="transient")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="transient")
    def make_b(c: C) -> B:
        raise AssertionError

    @provider(scope="transient")
    def make_c(a: A) -> C:
        raise AssertionError

    @provider(scope="app")
    def make_d(c: C) -> D:
        raise AssertionError

    error = refused(make_d, make_c, make_b, make_a)
    assert type(error) is CycleError
    assert names(error.chain) == ["make_c()", "make_a()", "make_b()"]
    assert [link.parameter for link in error.chain] == ["a", "b", "c"]


def test_cycle_through_an_alias():
    """C11: A circle that closes through another key of the same provider is found."""

    @provider(scope="app", provides=(A, B))
    def make_a(c: C) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_c(b: B) -> C:
        raise AssertionError

    error = refused(make_a, make_c)
    assert type(error) is CycleError
    assert names(error.chain) == ["make_a()", "make_c()"]


def test_cycle_through_an_optional_parameter():
    """C11: A parameter `T | None` closes a circle like any other."""

    @provider(scope="app")
    def make_a(b: B | None = None) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_b(a: A | None) -> B:
        raise AssertionError

    assert type(refused(make_a, make_b)) is CycleError


def test_same_type_twice_is_no_cycle():
    """C11: Needing one thing twice, or over two ways, is fine."""

    @provider(scope="app")
    def make_a(b: B, b_again: B, c: C) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_c(b: B) -> C:
        raise AssertionError

    Container(make_a, make_c, provider(B, scope="app"))


def test_two_disjoint_cycles_are_both_reported_once():
    """C12: Each of two circles is reported, once."""

    @provider(scope="app")
    def make_a(b: B) -> A:
        raise AssertionError

    @provider(scope="app")
    def make_b(a: A) -> B:
        raise AssertionError

    @provider(scope="app")
    def make_c(d: D) -> C:
        raise AssertionError

    @provider(scope="app")
    def make_d(c: C) -> D:
        raise AssertionError

    @provider(scope="app")
    def make_e(a: A, c: C) -> E:
        raise AssertionError

    error = refused(make_e, make_a, make_b, make_c, make_d)
    assert type(error) is GraphError
    assert sorted(names(problem.chain) for problem in error.problems) == [
        ["make_a()", "make_b()"],
        ["make_c()", "make_d()"],
    ]
    assert all(isinstance(problem, CycleError) for problem in error.problems)


# --- what cannot be read --------------------------------------------------------------------


def test_result_without_annotation():
    """C13: A provider function without a return annotation is an error that names it."""

    @provider(scope="app")
    def make_a():
        raise AssertionError

    error = refused(make_a)
    assert type(error) is UnannotatedError
    assert (error.name, error.parameter) == ("make_a()", None)
    assert error.place.line == line_of(make_a)
    assert "make_a()" in str(error)
    assert at(make_a) in str(error)


def test_result_annotated_none():
    """C13: A provider that says that it returns None provides nothing."""

    @provider(scope="app")
    def make_a() -> None:
        raise AssertionError

    error = refused(make_a)
    assert type(error) is UnannotatedError
    assert error.found == "returns None"


def test_result_without_annotation_but_with_key():
    """C13: With `provides=` no return annotation is needed."""

    @provider(scope="app", provides=A)
    def make_a():
        raise AssertionError

    @provider(scope="app", provides=B)
    async def make_b():
        yield B()

    Container(make_a, make_b)


def test_parameter_without_annotation():
    """C13: A parameter that cannot be filled is an error that names it."""

    @provider(scope="app")
    def make_a(b, c: C) -> A:
        raise AssertionError

    error = refused(make_a, provider(C, scope="app"))
    assert type(error) is UnannotatedError
    assert (error.name, error.parameter) == ("make_a()", "b")
    assert error.place.line == line_of(make_a)
    for text in ("make_a()", '"b"', at(make_a)):
        assert text in str(error)


def test_parameter_without_annotation_but_with_default():
    """C13: A parameter without annotation that has a default is left alone."""

    @provider(scope="app")
    def make_a(b=3, *args, **kwargs) -> A:
        raise AssertionError

    Container(make_a)


@pytest.mark.parametrize("parameter", ["b", None])
def test_unresolvable_annotation(parameter):
    """C13: An annotation that names something unknown is an error with its text and place."""

    def make_a(b) -> A:
        raise AssertionError

    make_a.__annotations__["b"] = int
    make_a.__annotations__[parameter or "return"] = "Unknown"
    error = refused(provider(make_a, scope="app"), values={int: 1})
    assert type(error) is UnresolvableAnnotationError
    assert (error.name, error.parameter, error.annotation) == ("make_a()", parameter, "Unknown")
    assert "'Unknown'" in error.reason
    assert error.place.line == line_of(make_a)
    for text in ("make_a()", '"Unknown"', at(make_a), '"b"' if parameter else "the result"):
        assert text in str(error)


def test_unresolvable_annotation_of_a_default_parameter():
    """C13: Also where a default would do, an unknown name is an error and not a guess."""

    def make_a(b=None) -> A:
        raise AssertionError

    make_a.__annotations__["b"] = "Unknown | None"
    assert type(refused(provider(make_a, scope="app"))) is UnresolvableAnnotationError


class Manager:
    def __enter__(self):
        raise AssertionError

    def __exit__(self, *_): ...


class AsyncManager:
    async def __aenter__(self):
        raise AssertionError

    async def __aexit__(self, *_): ...


@pytest.mark.parametrize("form", [Manager, AsyncManager])
@pytest.mark.parametrize("kind", ["class", "function", "coroutine function"])
def test_ambiguous_context_manager(form, kind):
    """C13: Whether a context manager is entered is asked, never guessed."""

    def function() -> form:
        raise AssertionError

    async def coroutine() -> form:
        raise AssertionError

    target = {"class": form, "function": function, "coroutine function": coroutine}[kind]
    error = refused(provider(target, scope="app"))
    assert type(error) is AmbiguousContextManagerError
    assert error.form is form
    name = form.__name__ if kind == "class" else f"{target.__name__}()"
    for text in (name, form.__name__, "enter=True", "enter=False", f"{HERE}:"):
        assert text in str(error)
    Container(provider(target, scope="app", enter=True))
    Container(provider(target, scope="app", enter=False))


def test_generator_that_yields_a_context_manager_is_clear():
    """C13: A generator has entered what it yields: nothing to ask."""

    @provider(scope="app")
    async def make() -> AsyncIterator[Manager]:
        yield Manager()

    Container(make)


def test_unknown_scope():
    """C13: A scope that the container does not have is an error that lists those it has."""

    @provider(scope="reqest")
    def make_a() -> A:
        raise AssertionError

    error = refused(make_a)
    assert type(error) is UnknownScopeError
    assert (error.scope, error.name) == ("reqest", "make_a()")
    assert error.known[:3] == ("app", "request", "call")
    for text in ('"reqest"', "make_a()", at(make_a), '"app", "request", "call"'):
        assert text in str(error)


def test_unknown_scope_is_one_problem():
    """C03: Who depends on a provider with an unknown scope is not reported as well."""

    @provider(scope="reqest")
    def make_a() -> A:
        raise AssertionError

    @provider(scope="request")
    def make_b(a: A) -> B:
        raise AssertionError

    error = refused(make_a, make_b)
    assert [type(problem) for problem in error.problems] == [UnknownScopeError]


def unmarked() -> A:
    raise AssertionError


def test_unmarked_function_is_no_source():
    """C13: A function that is not marked is refused by name and place."""
    error = refused(unmarked)
    assert type(error) is InvalidProviderError
    assert error.name == "unmarked()"
    assert at(unmarked) in str(error)
    assert "@provider" in str(error)


@pytest.mark.parametrize("source", [3, None, A()], ids=["int", "None", "object"])
def test_object_is_no_source(source):
    """C13: A ready object is refused, with the way to hand it in."""
    error = refused(source)
    assert type(error) is InvalidProviderError
    assert error.name in ("None", "an object of type int", "an object of type A")
    assert "values=" in str(error)


def test_module_without_marks_is_no_source():
    """C13: A module in which nothing is marked is refused by name."""
    import json

    error = refused(json)
    assert type(error) is InvalidProviderError
    assert "module json" in str(error)


def test_string_is_no_source():
    """C13: A string is not taken for an iterable of sources."""
    assert type(refused("providers")) is InvalidProviderError


def generator() -> A:
    yield A()


async def async_generator() -> Iterator[A]:
    yield A()


@pytest.mark.parametrize("function", [generator, async_generator])
def test_generator_with_another_annotation(function):
    """C13: A generator that is not annotated as one is refused, with the right annotation."""
    error = refused(provider(function, scope="app"))
    assert type(error) is InvalidProviderError
    assert "Iterator[T]" in str(error)
    assert at(function) in str(error)


def test_enter_without_context_manager():
    """C13: `enter=True` for what cannot be entered is refused."""
    error = refused(provider(A, scope="app", enter=True))
    assert type(error) is InvalidProviderError
    assert "enter=True" in str(error)


def test_abstract_class_cannot_be_made():
    """C13: A protocol or abstract class as a provider is refused."""
    from abc import ABC, abstractmethod
    from typing import Protocol

    class Port(Protocol):
        def send(self) -> None: ...

    class Base(ABC):
        @abstractmethod
        def send(self) -> None: ...

    for form in (Port, Base):
        error = refused(provider(form, scope="app"))
        assert type(error) is InvalidProviderError
        assert "provides=" in str(error)


@pytest.mark.parametrize(
    "scopes", [(), ("app", "app"), ("app", "transient")], ids=["none", "twice", "transient"]
)
def test_scopes_that_make_no_order(scopes):
    """C13: Scopes need names, each once, and not the name of what has no lifetime."""
    assert type(refused(scopes=scopes)) is InvalidProviderError


# --- all at once ----------------------------------------------------------------------------


def test_unrelated_mistakes_are_one_report():
    """C03: Several mistakes are all in one error, numbered, each with its own class."""

    @provider(scope="app")
    def missing(b: B) -> A:
        raise AssertionError

    @provider(scope="app")
    def circle(c: C) -> C:
        raise AssertionError

    @provider(scope="app")
    def captive(e: E) -> D:
        raise AssertionError

    @provider(scope="app")
    def one() -> int:
        raise AssertionError

    @provider(scope="app")
    def two() -> int:
        raise AssertionError

    @provider(scope="nowhere")
    def lost() -> str:
        raise AssertionError

    error = refused(missing, circle, captive, one, two, lost, provider(E, scope="request"))
    assert type(error) is GraphError
    assert {type(problem) for problem in error.problems} == {
        MissingProviderError,
        CycleError,
        CaptiveDependencyError,
        DuplicateProviderError,
        UnknownScopeError,
    }
    assert len(error.problems) == 5
    assert str(error).startswith("[LS100] 5 problems")
    for number in range(1, 6):
        assert f"\n{number}. " in str(error)
    for problem in error.problems:
        assert f"[{problem.code}] " in str(error)


def test_mistakes_in_declarations_do_not_hide_those_in_the_graph():
    """C03: What cannot be read and what does not fit together are in one report."""

    @provider(scope="app")
    def unreadable(b) -> A:
        raise AssertionError

    @provider(scope="app")
    def circle(c: C) -> C:
        raise AssertionError

    @provider(scope="app")
    def captive(e: E) -> D:
        raise AssertionError

    @provider(scope="app")
    def missing(number: float) -> str:
        raise AssertionError

    error = refused(unreadable, circle, captive, missing, 3, provider(E, scope="request"))
    assert {type(problem) for problem in error.problems} == {
        InvalidProviderError,
        UnannotatedError,
        CycleError,
        CaptiveDependencyError,
        MissingProviderError,
    }


def test_who_needs_something_unreadable_is_not_reported_as_well():
    """C03: One mistake in a declaration is one problem, not one more for each dependent."""

    @provider(scope="app")
    def unreadable(b) -> A:
        raise AssertionError

    @provider(scope="app")
    def user(a: A) -> C:
        raise AssertionError

    error = refused(unreadable, user)
    assert [type(problem) for problem in error.problems] == [UnannotatedError]


# --- what the check does not do -------------------------------------------------------------


def test_checking_runs_no_user_code(log):
    """C15: Neither a good graph nor a bad one makes the check call anything."""

    class Loud:
        def __init__(self) -> None:
            log("Loud")

    @provider(scope="app")
    def function(loud: Loud) -> A:
        log("function")
        return A()

    @provider(scope="app", eager=True)
    async def coroutine(a: A) -> B:
        log("coroutine")
        return B()

    @provider(scope="app")
    async def agen(b: B) -> AsyncIterator[C]:
        log("agen")
        yield C()

    @provider(scope="app")
    def bad(d: D) -> E:
        log("bad")
        return E()

    Container(provider(Loud, scope="app"), function, coroutine, agen)
    refused(provider(Loud, scope="app"), function, coroutine, agen, bad)
    assert log.events == []


class Secret:
    def __repr__(self) -> str:
        return "hunter2"

    __str__ = __repr__


def test_values_are_never_printed():
    """K12: No value is shown by an error, its attributes, the container or the graph."""
    secret = Secret()

    @provider(scope="app")
    def make_a(secret: Secret, b: B, again: A, default: Secret = secret) -> A:
        raise AssertionError

    @provider(scope="app")
    def secret_again() -> Secret:
        raise AssertionError

    container = Container(values={Secret: secret, str: "hunter2"})
    shown = [repr(container), repr(container.graph), repr(container.graph.providers)]
    for sources in ([make_a], [make_a, secret_again], [secret]):
        error = refused(*sources, values={Secret: secret})
        shown += [str(error), repr(error)]
        shown += [repr(vars(problem)) for problem in error.problems]
    assert not [text for text in shown if "hunter2" in text]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_forgotten_yield(is_async):
    """D12: A function that is annotated like a generator, and returns, is told what is missing."""

    async def make_async() -> AsyncIterator[A]:
        raise AssertionError

    def make() -> Iterator[A]:
        raise AssertionError

    def needs(a: A) -> B:
        raise AssertionError

    target = make_async if is_async else make
    error = refused(provider(target, scope="app"), provider(needs, scope="app"))
    assert type(error) is InvalidProviderError
    assert f"{target.__name__}()" in error.name
    assert "Iterator[A] but has no yield" in str(error)
    assert at(target) in str(error)
    Container(provider(target, scope="app", provides=AsyncIterator[A]))
