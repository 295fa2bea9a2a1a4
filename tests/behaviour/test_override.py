"""Group I: overrides."""

import gc
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import anyio.to_thread
import pytest

from lifescope import (
    CaptiveDependencyError,
    Container,
    CycleError,
    MissingProviderError,
    Named,
    OverrideError,
    UnknownOverrideError,
    provider,
    supplied,
)

pytestmark = pytest.mark.anyio


class Mailer:
    pass


class FakeMailer(Mailer):
    pass


class Settings:
    pass


class Unlike:
    """Has no methods, as Mailer has none."""


class Service:
    def __init__(self, mailer: Mailer, settings: Settings) -> None:
        self.mailer, self.settings = mailer, settings


def production(log: Any) -> Container:
    @provider(scope="app")
    async def mailer(settings: Settings) -> AsyncIterator[Mailer]:
        log("acquire production")
        yield Mailer()
        log("release production")

    return Container(mailer, provider(Settings, scope="app"), provider(Service, scope="request"))


async def service(container: Container) -> Service:
    async with container.open() as app, app.open() as request:
        return await request.get(Service)


async def test_value(log):
    """I07: A value takes the place of a provider, which is never entered."""
    container, fake = production(log), FakeMailer()
    with container.override(Mailer, fake):
        assert (await service(container)).mailer is fake
    assert log.events == []
    assert type((await service(container)).mailer) is Mailer
    assert log.events == ["acquire production", "release production"]


@pytest.mark.parametrize("value", [None, 0, "", Unlike], ids=repr)
async def test_value_of_any_kind(log, value):
    """I07: None, other false values and unmarked classes are values too."""
    container = production(log)
    with container.override(Mailer, value):
        assert (await service(container)).mailer is value


async def test_async_context_manager(log):
    """I07: An override may be entered with `async with`."""
    container, fake = production(log), FakeMailer()
    async with container.override(Mailer, fake):
        assert (await service(container)).mailer is fake
    assert type((await service(container)).mailer) is Mailer


@pytest.mark.parametrize("form", ["marked function", "record"])
async def test_provider_with_needs_and_release(log, form):
    """I06: A replacement may be a provider with its own needs and release."""

    async def fake(settings: Settings) -> AsyncIterator[FakeMailer]:
        log("acquire fake")
        made = FakeMailer()
        made.settings = settings
        yield made
        log("release fake")

    replacement = provider(fake, scope="app")
    if form == "marked function":
        replacement = provider(scope="app")(fake)
    container = production(log)
    with container.override(Mailer, replacement):
        made = await service(container)
        assert type(made.mailer) is FakeMailer
        assert made.mailer.settings is made.settings
    assert log.events == ["acquire fake", "release fake"]


@pytest.mark.parametrize("key", [Mailer, Annotated[Mailer, {"un": "hashable"}]], ids=["", "dict"])
async def test_provider_that_is_declared_for_each_test(log, key):
    """I06: What a fixture declares on one line is the same only if it says the same."""
    container = production(log)

    class Another(Mailer):
        pass

    for made, scope in [(FakeMailer, "app"), (FakeMailer, "request"), (Another, "app")] * 2:
        with container.override(Mailer, provider(made, scope=scope, provides=key)):
            async with container.open() as app, app.open() as one, app.open() as other:
                first, second = await one.get(Mailer), await other.get(Mailer)
                assert type(first) is made
                assert (first is second) is (scope == "app")


async def test_replacement_in_another_scope(log):
    """I06: A replacement lives in the scope that it says."""
    container = production(log)
    with container.override(Mailer, provider(FakeMailer, scope="request")):
        async with container.open() as app:
            async with app.open() as one, app.open() as two:
                assert await one.get(Mailer) is not await two.get(Mailer)


async def test_mapping(log):
    """I07: Several keys may be replaced at once."""
    container, fake, settings = production(log), FakeMailer(), Settings()
    with container.override({Mailer: fake, Settings: settings}):
        made = await service(container)
        assert (made.mailer, made.settings) == (fake, settings)


async def test_replacement_may_use_another_one(log):
    """I06: A replacement may need what is replaced together with it."""

    @provider(scope="app")
    def fake(settings: Settings, size: int = 3) -> Mailer:
        made = FakeMailer()
        made.settings = settings
        return made

    container, settings = production(log), Settings()
    with container.override({Mailer: fake, Settings: settings}):
        assert (await service(container)).mailer.settings is settings


async def test_nested(log):
    """I04: Overrides nest, and are undone last first."""
    container, outer, inner, settings = production(log), FakeMailer(), FakeMailer(), Settings()
    with container.override(Mailer, outer):
        with container.override({Mailer: inner}), container.override(Settings, settings):
            made = await service(container)
            assert (made.mailer, made.settings) == (inner, settings)
        made = await service(container)
        assert made.mailer is outer
        assert made.settings is not settings
    assert type((await service(container)).mailer) is Mailer


async def test_undone_after_an_error(log):
    """I04: An override ends also when its block ends with an error."""
    container, outer = production(log), FakeMailer()
    with container.override(Mailer, outer):
        with pytest.raises(KeyError):
            with container.override(Mailer, FakeMailer()):
                raise KeyError
        assert (await service(container)).mailer is outer


async def test_override_can_be_entered_again(log):
    """I04: One override may be entered twice, one after the other or nested."""
    container, fake = production(log), FakeMailer()
    override = container.override(Mailer, fake)
    for _ in range(2):
        with override:
            assert (await service(container)).mailer is fake
        assert type((await service(container)).mailer) is Mailer
    with override:
        with override:
            pass
        assert (await service(container)).mailer is fake
    assert type((await service(container)).mailer) is Mailer


async def test_decorator(log):
    """I07: An override decorates functions and coroutine functions."""
    container, fake = production(log), FakeMailer()

    @container.override(Mailer, fake)
    async def coroutine(extra: int, *, flag: bool) -> Any:
        """Has a docstring."""
        return (await service(container)).mailer, extra, flag

    @container.override(Mailer, fake)
    def function(extra: int) -> Any:
        return container.graph, extra

    for _ in range(2):
        assert await coroutine(1, flag=True) == (fake, 1, True)
        graph, extra = function(2)
        assert extra == 2
        assert graph is not container.graph
        assert type((await service(container)).mailer) is Mailer
    assert (coroutine.__name__, coroutine.__doc__) == ("coroutine", "Has a docstring.")


async def test_decorator_is_undone_after_an_error(log):
    """I04: A decorated function that fails leaves nothing in force."""
    container = production(log)

    @container.override(Mailer, FakeMailer())
    async def coroutine() -> None:
        raise KeyError

    @container.override(Mailer, FakeMailer())
    def function() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await coroutine()
    with pytest.raises(KeyError):
        function()
    assert type((await service(container)).mailer) is Mailer


def test_unknown_key(log):
    """I05: A key that nothing provides cannot be overridden; what is close to it is named."""
    gc.collect()  # what other tests have marked is close to it, too
    with pytest.raises(UnknownOverrideError) as caught:
        production(log).override(FakeMailer, FakeMailer())
    error = caught.value
    assert isinstance(error, OverrideError)
    assert isinstance(error, LookupError)
    assert error.key.form is FakeMailer
    assert [s.provider.key.form for s in error.suggestions] == [Mailer]
    assert "mailer()" in str(error)
    with pytest.raises(UnknownOverrideError):
        production(log).override(Annotated[Mailer, Named("other")], FakeMailer())


def test_unknown_key_in_a_mapping(log):
    """I05: One unknown key in a mapping refuses the whole."""
    container = production(log)
    before = container.graph
    with pytest.raises(UnknownOverrideError):
        container.override({Mailer: FakeMailer(), FakeMailer: FakeMailer()})
    assert container.graph is before


class Unprovided:
    pass


def test_replacement_that_does_not_fit(log):
    """I06: A replacement is checked like any provider, before anything is in force."""

    @provider(scope="app")
    def missing(what: Unprovided) -> Mailer:
        raise AssertionError

    @provider(scope="app")
    def circle(mailer: Mailer) -> Mailer:
        raise AssertionError

    container = production(log)
    for replacement, expected in (
        (missing, MissingProviderError),
        (circle, CycleError),
    ):
        before = container.graph
        with pytest.raises(expected):
            container.override(Mailer, replacement)
        assert container.graph is before


def test_replacement_that_would_be_captive():
    """I06: A replacement in a narrower scope than what needs it is refused."""
    container = Container(
        provider(Mailer, scope="app"),
        provider(Settings, scope="app"),
        provider(Service, scope="app"),
    )
    with pytest.raises(CaptiveDependencyError):
        container.override(Mailer, provider(FakeMailer, scope="request"))


async def test_app_scope_keeps_the_override_it_was_opened_with(log):
    """I03: An app scope that was opened under an override keeps it to its own end."""
    container, fake = production(log), FakeMailer()
    with container.override(Mailer, fake):
        opening = container.open()
        app = await opening.__aenter__()
    async with app.open() as request:
        assert (await request.get(Service)).mailer is fake
    await opening.__aexit__(None, None, None)
    assert type((await service(container)).mailer) is Mailer
    assert log.events == ["acquire production", "release production"]


class Reader:
    pass


class Writer:
    pass


class File(Reader, Writer):
    pass


async def test_one_of_several_keys(log):
    """I07: A provider of which one key is overridden still serves the others."""
    container = Container(provider(File, scope="app", provides=(Reader, Writer)))
    fake = Reader()
    with container.override(Reader, fake):
        async with container.open() as app:
            assert await app.get(Reader) is fake
            assert type(await app.get(Writer)) is File


async def test_named_key():
    """I07: A qualified key is overridden alone."""
    container = Container(provider(Mailer, scope="app"), provider(Mailer, scope="app", name="bulk"))
    fake = FakeMailer()
    with container.override(Annotated[Mailer, Named("bulk")], fake):
        async with container.open() as app:
            assert await app.get(Annotated[Mailer, Named("bulk")]) is fake
            assert await app.get(Mailer) is not fake


async def test_value_of_the_container():
    """I07: A value of the container can be overridden by a value or a provider."""
    container = Container(values={int: 1})
    with container.override(int, 2):
        async with container.open() as app:
            assert await app.get(int) == 2
    with container.override(int, provider(lambda: 3, scope="app", provides=int)):
        async with container.open() as app:
            assert await app.get(int) == 3
    async with container.open() as app:
        assert await app.get(int) == 1


async def test_supplied_key():
    """I07: A supplied key that is overridden need not be handed in any more."""
    container = Container(supplied(int, scope="request"))
    with container.override(int, 2):
        async with container.open() as app, app.open() as request:
            assert await request.get(int) == 2


async def test_other_threads_see_an_override(log):
    """I08: An override holds for every thread and event loop."""
    container, fake = production(log), FakeMailer()

    def in_thread() -> Service:
        return anyio.run(service, container)

    with container.override(Mailer, fake):
        assert (await anyio.to_thread.run_sync(in_thread)).mailer is fake


async def test_other_containers_do_not_see_an_override(log):
    """I08: An override concerns one container, also where another was made of it."""
    container = production(log)
    other = Container(container)
    with container.override(Mailer, FakeMailer()):
        assert type((await service(other)).mailer) is Mailer


async def test_value_that_is_overridden_may_still_be_handed_in():
    """The code that hands a value in need not know that a test overrides it."""
    container = Container(supplied(float, scope="request"))
    with container.override(float, 1.5):
        async with container.open() as app, app.open(values={float: 2.5}) as request:
            assert await request.get(float) == 1.5
