"""Group B: `many=True`, providers that contribute to a list."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, TypeVar

import pytest

from lifescope import (
    AcquisitionLoopError,
    CaptiveDependencyError,
    Container,
    CycleError,
    DuplicateProviderError,
    GraphError,
    Inject,
    InvalidProviderError,
    MissingProviderError,
    Named,
    OpenScope,
    ScopeOrderError,
    inject,
    provider,
)
from reading import pointed_at

pytestmark = pytest.mark.anyio


class Plugin:
    def __init__(self, name: str = "") -> None:
        self.name = name


class App:
    def __init__(self, plugins: list[Plugin]) -> None:
        self.plugins = plugins


def contribute(called: str, log: Any = None, scope: str = "app", **options: Any) -> Any:
    async def plugin() -> AsyncIterator[Plugin]:
        if log is not None:
            log(f"acquire {called}")
        yield Plugin(called)
        if log is not None:
            log(f"release {called}")

    return provider(plugin, scope=scope, many=True, **options)


def names(plugins: list[Plugin]) -> str:
    return "".join(plugin.name for plugin in plugins)


def at(function: Any) -> str:
    return f"test_collections.py:{function.__code__.co_firstlineno}"


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


@pytest.mark.parametrize("order", ["abc", "cba"])
async def test_order_of_contributions(order):
    """B03: Contributions are given in the order of declaration."""
    container = Container([contribute(name) for name in order], provider(App, scope="app"))
    async with container.open() as app, app.open() as request:
        assert names((await app.get(App)).plugins) == order
        assert names(await request.get(list[Plugin])) == order


async def test_other_sources_between_contributions():
    """B03: What is declared between them, or in another source, changes nothing."""
    container = Container(
        contribute("a"), provider(App, scope="app"), [contribute("b")], Container(contribute("c"))
    )
    async with container.open() as app:
        assert names(await app.get(list[Plugin])) == "abc"


async def test_contributions_of_several_kinds_and_scopes(log):
    """B03: Each contribution has its own kind, scope and needs."""

    @provider(scope="request", many=True)
    def sync(number: int) -> Plugin:
        return Plugin(str(number))

    @provider(scope="transient", many=True)
    async def coroutine() -> Plugin:
        return Plugin("c")

    container = Container(contribute("a", log), sync, coroutine, values={int: 3})
    async with container.open() as app:
        for _ in range(2):
            async with app.open() as request:
                one, two = await request.get(list[Plugin]), await request.get(list[Plugin])
                assert names(one) == names(two) == "a3c"
                assert [a is b for a, b in zip(one, two, strict=True)] == [True, True, False]
    assert log.events == ["acquire a", "release a"]


async def test_each_asker_gets_a_list_of_its_own():
    """B03: Whoever changes the list changes nobody else's; what is in it is shared."""
    async with Container(contribute("a"), provider(App, scope="app")).open() as app:
        plugins = (await app.get(App)).plugins
        assert type(plugins) is list
        plugins.append(Plugin("mine"))
        assert names(await app.get(list[Plugin])) == "a"
        assert (await app.get(list[Plugin]))[0] is plugins[0]


async def test_empty_list():
    """B04: Without any contribution the list is empty, and that is no error."""
    async with Container(provider(App, scope="app")).open() as app:
        assert (await app.get(App)).plugins == []
        assert await app.get(list[Plugin]) == []
        assert app.get_nowait(list[Plugin]) == []
        assert (await app.get(App)).plugins is not await app.get(list[Plugin])


async def test_empty_list_at_an_endpoint():
    """B04: An endpoint gets an empty list, too."""

    @inject
    def endpoint(plugins: Inject[list[Plugin]]) -> Any:
        return plugins

    async with Container(contribute("a")).open() as app:
        await app.get(list[Plugin])
        assert names(endpoint()) == "a"
    async with Container().open():
        assert endpoint() == []


async def test_list_without_contributions_keeps_its_default():
    """B11: A parameter with a default keeps it where nothing contributes."""
    default = [Plugin("default")]

    @provider(scope="app", provides=App)
    def make(plugins: list[Plugin] = default) -> Any:
        return App(plugins)

    async with Container(make).open() as app:
        assert names((await app.get(App)).plugins) == "default"
    async with Container(make, contribute("a")).open() as app:
        assert names((await app.get(App)).plugins) == "a"


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
async def test_contributions_are_released_in_reverse(log, scope):
    """B05: Contributions are released in reverse order, after what has the list."""

    @provider(scope="request")
    async def holder(plugins: list[Plugin]) -> AsyncIterator[App]:
        yield App(plugins)
        log("release holder")

    container = Container([contribute(name, log, scope) for name in "abc"], holder)
    async with container.open() as app, app.open() as request:
        assert names((await request.get(App)).plugins) == "abc"
    assert log.events[3:] == ["release holder", "release c", "release b", "release a"]


async def test_contribution_is_not_the_thing_itself():
    """B03: What contributes to `list[T]` is not T."""
    error = refused(contribute("a"), provider(lambda: 1, scope="app", provides=int), needs_one)
    assert type(error) is MissingProviderError
    assert error.key.form is Plugin
    assert at(needs_one) in str(error)
    assert "list[Plugin]" in str(error)
    container = Container(contribute("a"))
    async with container.open() as app:
        with pytest.raises(MissingProviderError):
            await app.get(Plugin)


@provider(scope="app")
def needs_one(plugin: Plugin) -> str:
    raise AssertionError


async def test_thing_and_list_side_by_side():
    """B03: T itself may be provided, and is not in the list."""
    one = provider(lambda: Plugin("one"), scope="app", provides=Plugin)
    async with Container(one, contribute("a")).open() as app:
        assert (await app.get(Plugin)).name == "one"
        assert names(await app.get(list[Plugin])) == "a"


async def test_one_contribution_to_several_lists():
    """A07: A provider of several keys contributes one object to the list of each."""

    class Reader:
        pass

    class Writer:
        pass

    class File(Reader, Writer):
        pass

    file = provider(File, scope="app", provides=(Reader, Writer), many=True)
    async with Container(file, provider(Writer, scope="app", many=True)).open() as app:
        readers, writers = await app.get(list[Reader]), await app.get(list[Writer])
        assert (len(readers), len(writers)) == (1, 2)
        assert readers[0] is writers[0]


async def test_list_of_a_named_key():
    """B06: Contributions with a name are a list of their own."""
    container = Container(contribute("a"), contribute("x", name="n"), contribute("y", name="n"))
    async with container.open() as app:
        assert names(await app.get(list[Plugin])) == "a"
        assert names(await app.get(Annotated[list[Plugin], Named("n")])) == "xy"
        assert names(await app.get(list[Annotated[Plugin, Named("n")]])) == "xy"
        assert await app.get(Annotated[list[Plugin], Named("other")]) == []


# --- the check ------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", ["before", "after"])
def test_list_provider_and_contributions(declared):
    """B02: A provider of the list, and contributions to it, are duplicates."""

    @provider(scope="app")
    def whole() -> list[Plugin]:
        raise AssertionError

    parts = [contribute("a"), contribute("b")]
    sources = [whole, *parts] if declared == "before" else [*parts, whole]
    error = refused(sources)
    assert type(error) is DuplicateProviderError
    assert error.key.form == list[Plugin]
    assert len(error.providers) == 3
    for text in ("list[Plugin]", at(whole), "plugin()", "whole()"):
        assert text in str(error)


async def test_list_provider_that_replaces_contributions(log):
    """B02: `replace=True` takes the place of all contributions."""
    whole = provider(lambda: [Plugin("w")], scope="app", provides=list[Plugin], replace=True)
    async with Container(contribute("a", log), whole, contribute("b", log)).open() as app:
        assert names(await app.get(list[Plugin])) == "w"
    assert log.events == []


async def test_list_provider_alone():
    """B03: Without contributions, a list is a key like any other."""
    whole = provider(lambda: [Plugin("w")], scope="app", provides=list[Plugin])
    async with Container(whole).open() as app:
        assert names(await app.get(list[Plugin])) == "w"
        assert await app.get(list[Plugin]) is await app.get(list[Plugin])


def test_captive_contribution():
    """C07: A request-scoped member of a list that an app-scoped object holds is captive."""
    inner = contribute("a", scope="request")
    error = refused(contribute("b"), inner, provider(App, scope="app"))
    assert type(error) is CaptiveDependencyError
    assert error.outer.target is App
    assert error.inner.target is inner.target
    chain = [link.name for link in error.chain]
    assert (chain[0], chain[-1]) == ("App", "plugin()")
    assert pointed_at(error) == ["plugins"]
    for text in (at(inner.target), '"app"', '"request"'):
        assert text in str(error)


def test_list_without_captives():
    """C07: A list of which every member lives long enough is fine."""
    Container(contribute("b"), contribute("c", scope="transient"), provider(App, scope="app"))
    Container(contribute("b", scope="request"), provider(App, scope="request"))


async def test_list_asked_for_in_a_wider_scope():
    """C09: The app scope gives no list of which a member lives in a request."""
    container = Container(contribute("a"), contribute("b", scope="request"))
    async with container.open() as app:
        with pytest.raises(ScopeOrderError, match=r"list\[Plugin\]") as caught:
            await app.get(list[Plugin])
        assert (caught.value.scope, caught.value.asked_in) == ("request", "app")
        async with app.open() as request:
            assert names(await request.get(list[Plugin])) == "ab"


def test_circle_through_a_list():
    """C11: A member that needs the list that it is in is a circle."""

    @provider(scope="app", many=True)
    def member(others: list[Plugin]) -> Plugin:
        raise AssertionError

    error = refused(contribute("a"), member)
    assert type(error) is CycleError
    assert len(error.problems) == 1
    assert "member()" in str(error)
    assert at(member) in str(error)


def test_missing_need_of_a_contribution():
    """C02: What contributions need is checked, whether anybody asks for the list or not."""

    @provider(scope="app", many=True)
    def member(number: int) -> Plugin:
        raise AssertionError

    for sources in ([member], [member, provider(App, scope="app")]):
        error = refused(sources)
        assert type(error) is MissingProviderError
        assert error.key.form is int
        assert at(member) in str(error)


def test_contradicting_options():
    """C13: A contribution neither replaces nor decorates."""

    @provider(scope="app", many=True, replace=True)
    def member() -> Plugin:
        raise AssertionError

    @provider(scope="app", many=True, decorate=True)
    def decorator(plugin: Plugin) -> Plugin:
        raise AssertionError

    for function, option in ((member, "replace=True"), (decorator, "decorate=True")):
        error = refused(function)
        invalid = [p for p in error.problems if isinstance(p, InvalidProviderError)]
        assert [p.name for p in invalid] == [f"{function.__name__}()"]
        for text in ("many=True", option, at(function)):
            assert text in str(error)


# --- together with others -------------------------------------------------------------------


@pytest.mark.parametrize("contributions", ["", "ab"])
async def test_override_of_a_list(log, contributions):
    """I07: An override of the list takes the place of all contributions, which never run."""
    parts = [contribute(name, log) for name in contributions]
    container, fake = Container(parts, provider(App, scope="app")), [Plugin("f")]
    with container.override(list[Plugin], fake):
        async with container.open() as app:
            assert (await app.get(App)).plugins is fake
    assert log.events == []
    async with container.open() as app:
        assert names((await app.get(App)).plugins) == contributions


async def test_override_of_a_named_list(log):
    """I07: Of two lists with different names, one is overridden alone."""
    container, fake = Container(contribute("a", log), contribute("x", name="n")), [Plugin("f")]
    with container.override(Annotated[list[Plugin], Named("n")], fake):
        async with container.open() as app:
            assert await app.get(Annotated[list[Plugin], Named("n")]) is fake
            assert names(await app.get(list[Plugin])) == "a"


async def test_override_of_what_a_contribution_needs():
    """I09: Contributions are made with what is overridden."""

    @provider(scope="app", many=True)
    def member(number: int) -> Plugin:
        return Plugin(str(number))

    container = Container(member, values={int: 1})
    with container.override(int, 2):
        async with container.open() as app:
            assert names(await app.get(list[Plugin])) == "2"


async def test_contribution_that_asks_for_the_list_while_it_is_made(log):
    """F07: Asking the scope for the list from inside a member ends with an error, not a hang."""

    @provider(scope="app", many=True)
    async def member(scope: OpenScope) -> Plugin:
        await scope.get(list[Plugin])
        raise AssertionError

    async with Container(member).open() as app:
        with pytest.raises(AcquisitionLoopError, match=r"member\(\)"):
            await app.get(list[Plugin])


T = TypeVar("T")


class Handler(Generic[T]):
    pass


async def test_contribution_of_an_open_generic():
    """B03, B08: A contribution for every T is in the list of each."""

    def handler() -> Handler[T]:
        return Handler()

    container = Container(provider(handler, scope="app", many=True))
    async with container.open() as app:
        assert len(await app.get(list[Handler[int]])) == 1
