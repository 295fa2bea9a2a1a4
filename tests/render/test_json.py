"""The records of a drawing: what they say is what the container does."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from conftest import EventLog
from lifescope import Container, Factory, Lazy, provider, render
from render import graphs


def drawn(container: Container, *functions: Any) -> dict[str, Any]:
    return json.loads(render.json(container.graph, entries=graphs.entries(*functions)))


def provider_in(drawing: dict[str, Any], ident: str) -> dict[str, Any]:
    [found] = [each for each in drawing["providers"] if each["id"] == ident]
    return found


class A: ...


class B: ...


class C: ...


class D: ...


def test_orders_are_those_of_a_scope(log: EventLog) -> None:
    """G2, K10: `acquire` and `release` are what an open scope does, also with Lazy needs."""

    @provider(scope="app", eager=True)
    async def c(b: B, d: D) -> AsyncIterator[C]:
        log("+C")
        yield C()
        log("-C")

    @provider(scope="app", eager=True)
    def b(a: A, d: Lazy[D]) -> Iterator[B]:
        log("+B")
        yield B()
        log("-B")

    @provider(scope="app", eager=True)
    def d() -> Iterator[D]:
        log("+D")
        yield D()
        log("-D")

    @provider(scope="app", eager=True)
    def a() -> A:
        log("+A")
        return A()

    async def run() -> None:
        async with container.open():
            pass

    container = Container(c, b, d, a)
    asyncio.run(run())
    app = drawn(container)["scopes"][0]
    told = [f"+{key}" for key in app["acquire"]] + [f"-{key}" for key in app["release"]]
    assert told == log.events
    assert app["acquire"] == ["A", "B", "D", "C"]


def test_only_what_a_scope_keeps_is_acquired_in_it() -> None:
    """Values, what is handed in, transients and open generics have no place in the order."""
    drawing = drawn(graphs.every_edge(), graphs.endpoint)
    orders = {scope["name"]: scope["acquire"] for scope in drawing["scopes"]}
    assert list(orders) == ["app", "tenant", "request", "call"]
    assert orders["tenant"] == ["User"]
    assert orders["call"] == ["Handler"]
    assert orders["request"] == ["Table[User]", "render.elsewhere.Repository", "Table[Tenant]"]
    assert "Secret" not in orders["app"]


def test_needs_and_needed_by_are_the_same_edges() -> None:
    """Each need is told from both of its ends."""
    drawing = drawn(graphs.every_edge(), graphs.endpoint, graphs.job)
    nodes = [*drawing["providers"], *drawing["entry_points"]]
    down = {
        (n["id"], e["parameter"], e["target"]) for n in nodes for e in n["needs"] if e["target"]
    }
    up = {
        (e["asker"], e["parameter"], n["id"]) for n in drawing["providers"] for e in n["needed_by"]
    }
    assert down == up
    assert len(down) > 20


def test_relations_lead_to_what_is_asked_for_later() -> None:
    """A handle is no node: whoever needs `Lazy[T]` needs T, in that relation."""
    drawing = drawn(graphs.every_edge())
    needs = {need["parameter"]: need for need in provider_in(drawing, "Search")["needs"]}
    relations = {name: (need["relation"], need["target"]) for name, need in needs.items()}
    assert relations["index"] == ("lazy", "Index")
    assert relations["open_worker"] == ("factory", "Worker")
    assert relations["user"] == ("current", "User")
    assert relations["cache"] == (None, None)
    assert needs["index"]["key"] == "Lazy[Index]"
    otherwise = {name: need["otherwise"] for name, need in needs.items() if need["otherwise"]}
    assert otherwise == {"cache": "None", "later": "None", "size": "default"}
    assert not [each for each in drawing["providers"] if each["id"].startswith(("Lazy", "Factory"))]


def test_marks_and_kinds() -> None:
    """Each provider is shown as what it is."""
    container = graphs.every_edge()
    with container.override(graphs.Index, graphs.fake_index):
        drawing = drawn(container)
    marks = {each["id"]: each["marks"] for each in drawing["providers"] if each["marks"]}
    assert marks == {
        "Database": ["eager"],
        'Database (named "replica")': ["in a thread"],
        "Search": ["not eager"],
        "Index": ["override"],
        "Check (DatabaseCheck)": ["part of list[Check]"],
        "Check (QueueCheck)": ["part of list[Check]"],
        "Rates (CachedRates)": ["decorator"],
        "Table[T]": ["open generic"],
    }
    kinds = {each["id"]: (each["scope"], each["kind"]) for each in drawing["providers"]}
    assert kinds["Database"] == ("app", "async generator")
    assert kinds["list[Check]"] == ("transient", "collection")
    assert kinds["Request"] == ("request", "supplied")
    assert kinds["Tenant"] == ("tenant", "supplied")
    assert kinds["Secret"] == ("app", "value")
    assert kinds["OpenScope"] == ("transient", "open scope")
    assert kinds["Reader, Writer"] == ("app", "called")


def test_decorator_stands_between() -> None:
    """Who asks for the key needs the decorator, and that needs what it wraps."""
    drawing = drawn(graphs.every_edge())
    [inner] = provider_in(drawing, "Rates (CachedRates)")["needs"]
    assert inner["target"] == "Rates (BankRates)"
    askers = [each["asker"] for each in provider_in(drawing, "Rates (BankRates)")["needed_by"]]
    assert askers == ["Rates (CachedRates)"]
    assert provider_in(drawing, "Table[User]")["needs"][0]["target"] == "Rates (CachedRates)"


def test_names_are_qualified_where_two_are_alike() -> None:
    """K02: Classes of one name have their modules; others are short."""
    keys = [key for each in drawn(graphs.every_edge())["providers"] for key in each["keys"]]
    assert "render.graphs.Repository" in keys
    assert "render.elsewhere.Repository" in keys
    assert "Repository" not in keys
    assert "User" in keys


def test_ids_are_told_apart_to_the_last() -> None:
    """Even where nothing else tells them apart, no two nodes share an id."""

    def classes() -> list[Any]:
        class Same: ...

        @provider(scope="app", provides=Same)
        def make() -> Same: ...

        return [make]

    ids = [each["id"] for each in drawn(Container(classes(), classes(), classes()))["providers"]]
    assert len(set(ids)) == 3


def test_entry_points_bring_what_only_they_ask_for() -> None:
    """What follows from a key that an endpoint alone asks for is drawn with it."""
    without = drawn(graphs.every_edge())
    drawing = drawn(graphs.every_edge(), graphs.endpoint)
    new = {each["id"] for each in drawing["providers"]} - {e["id"] for e in without["providers"]}
    assert new == {"Table[Tenant]"}
    [entry] = drawing["entry_points"]
    assert (entry["name"], [need["target"] for need in entry["needs"]]) == (
        "endpoint()",
        ["Handler", "Table[Tenant]"],
    )


def test_entry_point_that_asks_for_nothing_there_is() -> None:
    """K08: What an endpoint misses is the cause, and the endpoint is affected."""

    @provider(scope="app")
    def a() -> A: ...

    def fine(a: A) -> None: ...

    def broken(b: Factory[B]) -> None: ...

    drawing = drawn(Container(a), fine, broken)
    assert [each["name"] for each in drawing["entry_points"]] == ["broken()"]
    assert drawing["entry_points"][0]["state"] == "affected"
    [missing] = drawing["missing"]
    assert (missing["key"], missing["state"]) == ("B", "cause")
    assert missing["needed_by"] == [{"asker": "broken()", "parameter": "b", "relation": "factory"}]
