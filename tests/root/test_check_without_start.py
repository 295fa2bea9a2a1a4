"""Root.check and Root.entries: what the start would find, without a start (C16, G14)."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations.driving import failed_start
from lifescope import (
    Container,
    GraphError,
    Inject,
    MissingProviderError,
    NeverFilledError,
    UnusedOverrideWarning,
    UnusedProviderError,
    inject,
    provider,
    render,
)


class A:
    pass


class B:
    pass


class Spare:
    pass


calls: list[str] = []


@provider(scope="app")
def make_a() -> A:
    calls.append("A")
    return A()


@provider(scope="app")
def spare() -> Spare:
    calls.append("spare")
    return Spare()


@inject
async def ask_a(request: Request, a: Inject[A]) -> Response:
    return Response()


@inject
async def ask_b(request: Request, b: Inject[B]) -> Response:
    return Response()


async def forgotten(request: Request, a: Inject[A]) -> Response:
    return Response()


@pytest.fixture(autouse=True)
def nothing_was_called() -> None:
    calls.clear()


def serving(*endpoints: Any) -> Any:
    def create_app() -> Starlette:
        return Starlette(routes=[Route(f"/{each.__name__}", each) for each in endpoints])

    return create_app


def test_fine_app_passes() -> None:
    """C15: Nothing is raised, and no provider is called."""
    Container(make_a).asgi(serving(ask_a)).check(strict=True)
    assert calls == []


def test_every_problem_is_raised() -> None:
    """C03: In one error, which has the graph for a drawing."""
    root = Container(make_a).asgi(serving(ask_b, forgotten, ask_a))
    with pytest.raises(GraphError) as caught:
        root.check()
    assert [type(p) for p in caught.value.problems] == [NeverFilledError, MissingProviderError]
    assert "B" in render.tree(caught.value.graph, entries=root.entries())


def test_single_problem_is_raised_as_itself() -> None:
    """As by a container."""
    with pytest.raises(MissingProviderError, match="nothing provides B"):
        Container(make_a).asgi(serving(ask_b)).check()


@pytest.mark.anyio
async def test_start_raises_the_same() -> None:
    """C16: It refuses with all problems, of whatever kind."""
    root = Container(make_a).asgi(serving(ask_b, forgotten))
    with pytest.raises(GraphError) as expected:
        root.check()
    error = (await failed_start(root)).error
    assert isinstance(error, GraphError)
    assert str(error) == str(expected.value)
    assert error.graph is not None


def test_one_function_behind_many_routes_is_one_problem() -> None:
    """K03: There is one thing to mend."""
    with pytest.raises(NeverFilledError):
        Container(make_a).asgi(serving(forgotten, forgotten)).check()


def test_strict() -> None:
    """C17: What nothing asks for is a problem, where the caller says so."""
    root = Container(make_a, spare).asgi(serving(ask_a))
    root.check()
    with pytest.raises(UnusedProviderError) as caught:
        root.check(strict=True)
    assert caught.value.provider.name == "spare()"
    assert caught.value.others == ()


def test_overrides_in_force_count() -> None:
    """G13: A replacement may need what nobody needed before."""

    @provider(scope="app")
    def fake(spare: Spare) -> A:
        raise NotImplementedError

    container = Container(make_a, spare)
    root = container.asgi(serving(ask_a))
    with container.override(A, fake):
        root.check(strict=True)
    with pytest.raises(UnusedProviderError):
        root.check(strict=True)


def test_override_of_what_is_decorated() -> None:
    """C17, G13: Neither an unasked-for replacement nor an idle decorator is left over."""

    @provider(scope="app", decorate=True)
    def louder(a: A) -> A:
        raise NotImplementedError

    container = Container(make_a, louder, spare)
    root = container.asgi(serving(ask_a))
    with (
        pytest.warns(UnusedOverrideWarning, match="Spare"),
        container.override({A: make_a, Spare: spare}),
    ):
        root.check(strict=True)


def test_factory_that_asks_is_not_called() -> None:
    """C15: Its routes stay unknown, so they are not checked, and nothing counts as unused."""

    def create_app(a: A) -> Any:
        calls.append("create_app")

    Container(make_a, spare).asgi(create_app).check(strict=True)
    assert calls == []


def test_error_of_the_factory_comes_out() -> None:
    """As itself."""

    def create_app() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Container().asgi(create_app).check()


def test_entries() -> None:
    """The factory, if it asks for something, and each endpoint once, in order."""
    root = Container(make_a).asgi(serving(ask_b, ask_a, ask_a))
    assert [entry.name for entry in root.entries()] == ["ask_b()", "ask_a()"]

    async def create_app(a: A) -> Any: ...

    [entry] = Container(make_a).asgi(create_app).entries()
    assert entry.name == "create_app()"
