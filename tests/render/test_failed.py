"""K08: a graph that has failed: the cause, what it affects, and nothing else."""

import copy
import json
import pickle
from typing import Any

import pytest

from lifescope import (
    Container,
    GraphError,
    InvalidProviderError,
    Lazy,
    MissingProviderError,
    provider,
    render,
)
from render import graphs


class A: ...


class B: ...


class C: ...


@provider(scope="app")
def fine() -> C: ...


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


def states(error: GraphError) -> dict[str, str]:
    """What is drawn, and how."""
    drawing = json.loads(render.json(error.graph))
    kinds = ("providers", "entry_points", "missing", "unreadable")
    return {node["id"]: node["state"] for kind in kinds for node in drawing[kind]}


def test_all_at_once() -> None:
    """Every problem has its cause, and what is fine is left out."""
    assert states(graphs.failed()) == {
        "A": "cause",
        "B": "cause",
        "Orders": "affected",
        "Session": "cause",
        "Cache": "cause",
        "Audit": "cause",
        "Tenant": "cause",
        "Worker": "affected",
        "Mailer": "cause",
    }


def test_causes_name_their_errors() -> None:
    """Each cause says of which error it is the cause."""
    drawing = json.loads(render.json(graphs.failed().graph))
    nodes = [*drawing["providers"], *drawing["missing"]]
    assert {n["id"]: n["problems"] for n in nodes if n["problems"]} == {
        "A": ["CycleError"],
        "B": ["CycleError"],
        "Session": ["CaptiveDependencyError"],
        "Cache": ["CaptiveDependencyError"],
        "Audit": ["CaptiveDependencyError"],
        "Tenant": ["UnknownScopeError"],
        "Mailer": ["MissingProviderError"],
    }


def test_handle_is_an_edge_and_no_node() -> None:
    """K08: The circle, and what would be kept, go through `Lazy`; it is nothing that is made."""

    class Left:
        def __init__(self, right: "Lazy[Right]", kept: Lazy[A]) -> None: ...

    class Right:
        def __init__(self, left: Left) -> None: ...

    error = refused(
        provider(Left, scope="app"), provider(Right, scope="app"), provider(A, scope="request")
    )
    assert states(error)["Left"] == "cause"
    assert not [name for name in states(error) if name.startswith("Lazy")]
    assert "Lazy[Right]" in str(error)


def test_a_single_problem_is_drawn_too() -> None:
    """The error of a single mistake has the graph as well."""

    @provider(scope="app")
    def a(b: Lazy[B], c: C) -> A: ...

    error = refused(fine, a)
    assert type(error) is MissingProviderError
    assert states(error) == {"A": "affected", "B": "cause"}


def test_affected_is_everything_that_needs_the_cause() -> None:
    """In however many steps; what the cause needs itself is fine."""

    @provider(scope="app")
    def a(missing: int, c: C) -> A: ...

    @provider(scope="app")
    def b(a: A) -> B: ...

    @provider(scope="request")
    def text(b: Lazy[B]) -> str: ...

    affected = {"A": "affected", "B": "affected", "str": "affected"}
    assert states(refused(fine, a, b, text)) == {**affected, "int": "cause"}


def test_what_is_kept_too_long_affects_its_holder_only() -> None:
    """Others may need the shorter-lived thing: they are fine."""

    @provider(scope="request")
    def a() -> A: ...

    @provider(scope="app")
    def b(a: A) -> B: ...

    @provider(scope="request")
    def number(a: A) -> int: ...

    @provider(scope="app")
    def text(b: B) -> str: ...

    assert states(refused(a, b, number, text)) == {"A": "cause", "B": "cause", "str": "affected"}


def test_doubles() -> None:
    """Both providers of one key are the cause."""

    @provider(scope="app")
    def one() -> A: ...

    @provider(scope="app")
    def two() -> A: ...

    @provider(scope="app")
    def b(a: A) -> B: ...

    assert states(refused(fine, one, two, b)) == {
        "A (one())": "cause",
        "A (two())": "cause",
        "B": "affected",
    }


def test_what_cannot_be_read_may_be_what_is_missing() -> None:
    """Nobody knows what it provides; who misses something may need it, and is not the cause."""

    @provider(scope="app")
    def broken(a: A):  # type: ignore[no-untyped-def]
        ...

    @provider(scope="app")
    def b(a: A) -> B: ...

    error = refused(fine, broken, b)
    assert states(error) == {"B": "affected", "A": "affected", "broken()": "cause"}
    [unreadable] = json.loads(render.json(error.graph))["unreadable"]
    assert unreadable["problems"] == ["UnannotatedError"]
    assert unreadable["place"].split(":")[0].endswith("render/test_failed.py")


def test_what_is_no_provider_at_all() -> None:
    """A source that is nothing of ours is drawn by what its error calls it."""
    error = refused(fine, 4711)
    assert type(error) is InvalidProviderError
    [name] = states(error)
    assert states(error) == {name: "cause"}


def test_needs_between_causes() -> None:
    """In a circle, or on the way to what is missing, the needs themselves are the cause."""
    drawing = json.loads(render.json(graphs.failed().graph))
    needs = {
        (node["id"], need["parameter"]): need["state"]
        for node in drawing["providers"]
        for need in node["needs"]
    }
    assert needs == {
        ("A", "b"): "cause",
        ("B", "a"): "cause",
        ("Orders", "mailer"): "cause",
        ("Orders", "a"): "affected",
        ("Cache", "session"): "cause",
        ("Audit", "cursor"): "cause",
        ("Worker", "tenant"): "affected",
    }


def test_nothing_is_acquired() -> None:
    """There is no order in which a failed graph could be made."""
    scopes = json.loads(render.json(graphs.failed().graph))["scopes"]
    assert [(scope["acquire"], scope["release"]) for scope in scopes] == [([], [])] * 3


def test_colours() -> None:
    """Causes are red and what is affected is orange, where there are colours."""
    graph = graphs.failed().graph
    mermaid, dot = render.mermaid(graph), render.dot(graph)
    assert "class n_A,n_B,n_Session,n_Cache,n_Audit,n_Tenant,n_Mailer cause" in mermaid
    assert "class n_Orders,n_Worker affected" in mermaid
    assert '"Mailer" [label="Mailer", color="#c62828"' in dot
    assert 'color="#d97706"' in next(line for line in dot.splitlines() if '"Orders" [' in line)


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_have_no_graph(duplicate: Any) -> None:
    """An error can be pickled: it leaves the graph behind, and keeps its text."""
    error = refused(needs_missing)
    other = duplicate(error)
    assert other.graph is None
    assert str(other) == str(error)
    assert error.graph is not None


class Missing: ...


class Needing: ...


@provider(scope="app")
def needs_missing(missing: Missing) -> Needing: ...


def test_graph_of_a_container_has_no_problems() -> None:
    """A container that was built has a graph that is fine, and an error of its own has none."""
    assert Container(fine).graph.problems == ()
    assert GraphError().graph is None
