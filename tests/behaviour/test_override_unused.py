"""Overrides that have no effect, or two at once (I04)."""

import warnings
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lifescope import (
    Container,
    Current,
    DuplicateOverrideError,
    Factory,
    Lazy,
    LifescopeError,
    Named,
    OverrideError,
    UnusedOverrideWarning,
    inject,
    provider,
)
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.anyio


class Clock:
    pass


class Mailer:
    pass


class Fake(Mailer):
    pass


def container(*more: Any) -> Container:
    return Container(provider(Mailer, scope="app"), provider(Clock, scope="app"), *more)


async def test_nobody_asks() -> None:
    """The warning names the key, and the line where the override was made."""
    shop = container()
    with pytest.warns(UnusedOverrideWarning, match="nothing asks for Mailer") as caught:
        async with shop.open(), shop.override(Mailer, Fake()):
            pass
    assert caught[0].filename == __file__
    with pytest.warns(UnusedOverrideWarning), shop.override(Mailer, Fake(), local=True):
        pass


async def test_one_of_several() -> None:
    """Of a mapping only what nobody asks for is named."""
    shop = container()
    with pytest.warns(UnusedOverrideWarning) as caught:
        async with shop.open() as app, shop.override({Mailer: Fake(), Clock: Clock()}):
            await app.get(Clock)
    assert [str(each.message).split()[3] for each in caught] == ["Mailer,"]


async def test_after_an_error() -> None:
    """A test that fails is told about that, and about nothing else."""
    with pytest.raises(ZeroDivisionError):
        with container().override(Mailer, Fake()):
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        async with container().override(Mailer, Fake()):
            raise ZeroDivisionError


@pytest.mark.parametrize("handle", [None, Lazy, Factory, Current])
def test_a_provider_asks(handle: Any) -> None:
    """It is enough that a provider needs the key, in whichever form, made or not."""
    form = Mailer if handle is None else handle[Mailer]

    class Service:
        def __init__(self, mailer: form) -> None: ...

    with container(provider(Service, scope="request")).override(Mailer, Fake()):
        pass


def test_a_provider_with_two_keys() -> None:
    """Who asks for the other key may get the same object."""

    class Service:
        def __init__(self, mailer: Mailer) -> None: ...

    shop = Container(provider(Fake, scope="app", provides=(Fake, Mailer)), requested(Service))
    with shop.override(Fake, Fake()):
        pass


def requested(cls: type) -> Any:
    return provider(cls, scope="request")


def test_what_the_app_makes_at_its_start() -> None:
    """An override may be there so that something is not made."""
    shop = Container(provider(Mailer, scope="app", eager=True))
    with shop.override(Mailer, Fake()):
        pass


@pytest.mark.parametrize("when", ["before", "inside"])
def test_an_endpoint_asks(when: str) -> None:
    """Also where no request comes."""
    shop = container()

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def index(mailer: Inject[Mailer]) -> None: ...

        return app

    root = shop.asgi(create_app)
    if when == "inside":
        with shop.override(Mailer, Fake()), TestClient(root):
            pass
    else:
        with TestClient(root), shop.override(Mailer, Fake()):
            pass


def test_an_app_with_unknown_routes() -> None:
    """It may ask for anything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    shop = container()
    with TestClient(shop.asgi(app)), shop.override(Mailer, Fake()):
        pass


async def test_whoever_has_a_scope_asks() -> None:
    """By `get`, by a call, or by `@inject`; as a handle, too."""

    @inject
    async def injected(mailer: Annotated[Mailer, "a comment"], own: Inject[Mailer]) -> None: ...

    async def called(mailer: Mailer) -> None: ...

    async def by_get(app: Any) -> None:
        await app.get(Mailer)

    async def by_handle(app: Any) -> None:
        await app.get(Lazy[Mailer])

    async def now(app: Any) -> None:
        app.get_nowait(Mailer | None)

    async def by_call(app: Any) -> None:
        await app.call(called)

    async def by_injection(app: Any) -> None:
        await injected(Mailer())

    for ask in (by_get, by_handle, now, by_call, by_injection):
        shop = container()
        async with shop.open() as app, shop.override(Mailer, Fake()):
            await ask(app)


async def test_a_replacement_asks() -> None:
    """What is overridden may be needed only by another replacement."""

    @provider(scope="app")
    def clock(mailer: Mailer) -> Clock:
        return Clock()

    shop = container()
    async with shop.open() as app:
        with shop.override({Clock: clock, Mailer: Fake()}):
            await app.get(Clock)
    shop = container()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with shop.override(Clock, clock), shop.override(Mailer, Fake()):
            pass
    assert [str(each.message).split()[3] for each in caught] == ["Clock,"]


def test_one_key_twice() -> None:
    """I04: Two replacements for one key, in different forms of it, are an error."""
    with pytest.raises(DuplicateOverrideError) as caught:
        container().override({Mailer: Fake(), Annotated[Mailer, "documented"]: Fake()})
    error = caught.value
    assert isinstance(error, OverrideError)
    assert isinstance(error, ValueError)
    assert isinstance(error, LifescopeError)
    assert error.key.form is Mailer
    assert list(error.spelled) == ["Mailer", "Annotated[Mailer, ...]"]
    named = Annotated[Mailer, Named("bulk")]
    shop = container(provider(Mailer, scope="app", name="bulk"))
    with pytest.warns(UnusedOverrideWarning), shop.override({Mailer: Fake(), named: Fake()}):
        pass


@pytest.mark.parametrize("arguments", [(Mailer,), (Mailer, Fake(), Fake())])
def test_wrong_number_of_arguments(arguments: Any) -> None:
    """A replacement that was forgotten, or one too many, is a mistake."""
    with pytest.raises(TypeError, match="a key and its replacement"):
        container().override(*arguments)
