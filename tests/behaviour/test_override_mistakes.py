"""Overrides that were not meant as they are written: none of them is silently without effect."""

import gc
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest

from lifescope import (
    Container,
    Named,
    OverrideError,
    UnknownOverrideError,
    UnusedOverrideWarning,
    WrongReplacementError,
    provider,
)

pytestmark = pytest.mark.anyio


T = TypeVar("T")


class Mailer:
    def send(self, text: str) -> None:
        """Send it."""


class Fake(Mailer):
    pass


class Other:
    """Has nothing of a Mailer but the method."""

    async def send(self, text: str) -> None: ...


class Sender(Protocol):
    def send(self, text: str) -> None: ...


class Static:
    """Is a Sender itself."""

    @staticmethod
    def send(text: str) -> None: ...


class Settings:
    url = "real"


class FakeSettings:
    url = "fake"


class Clock(Protocol):
    def __call__(self) -> float: ...


def fake_mailer() -> Mailer:
    return Fake()


async def opened() -> AsyncIterator[Mailer]:
    yield Fake()


def container(*more: Any) -> Container:
    class Service:
        def __init__(self, mailer: Mailer) -> None: ...

    mailer = provider(Mailer, scope="app", provides=(Mailer, Sender))
    return Container(mailer, provider(Service, scope="app"), *more)


def test_an_open_generic() -> None:
    """I05: `Repo[T]` is no key that somebody asks for, but `Repo[Mailer]` is; it is told so."""

    class Repo(Generic[T]): ...

    @provider(scope="app")
    def repo() -> Repo[T]: ...

    shop = Container(repo)
    with pytest.raises(UnknownOverrideError, match=r"another form\s+of the same generic class"):
        shop.override(Repo[T], Repo())
    with pytest.warns(UnusedOverrideWarning), shop.override(Repo[Mailer], Repo()):
        pass


def _forgotten(shop: Container) -> None:
    shop.override(Mailer, Fake())
    gc.collect()


# --- never entered ----------------------------------------------------------------------------


def test_never_entered() -> None:
    """G13: A `with` that was forgotten is a warning at its line, not a test of the original."""
    shop = container()
    with pytest.warns(UnusedOverrideWarning, match="of Mailer was never entered") as found:
        _forgotten(shop)
    assert found[0].filename == __file__


async def test_entered_or_refused() -> None:
    """G13: One that was entered, decorates something or was refused is none of these."""
    shop = container()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with shop.override(Mailer, Fake()):
            pass
        async with shop.override(Mailer, Fake()):
            pass

        @shop.override(Mailer, Fake())
        def decorated() -> None: ...

        with suppress(OverrideError):
            shop.override(str, "")
        shop.override({})
        gc.collect()
    decorated()


def test_left_without_being_entered() -> None:
    """G13: What is not in force cannot end, and says so."""
    override = container().override(Mailer, Fake())
    for _ in range(2):
        with override:
            pass
        with pytest.raises(RuntimeError, match="not entered"):
            override.__exit__(None, None, None)


def test_a_decorated_class() -> None:
    """G13: A class would become a function, of which no test framework runs the methods."""
    override = container().override(Mailer, Fake())

    class TestShop: ...

    with pytest.raises(TypeError, match="TestShop is a class: decorate its methods"):
        override(TestShop)
    with override:
        pass


# --- not called -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [Mailer, Sender])
@pytest.mark.parametrize("given", [Fake, Other, fake_mailer, opened, lambda: Fake()])
def test_a_class_or_function_that_was_not_called(key: Any, given: Any) -> None:
    """G13: It would be handed out as it is, so it is an error that says both ways out."""
    with pytest.raises(WrongReplacementError, match="handed out as") as caught:
        container().override(key, given)
    error = caught.value
    assert isinstance(error, OverrideError)
    assert isinstance(error, TypeError)
    assert error.key.form is key
    assert error.scope == "app"


def test_of_several_and_with_a_name() -> None:
    """G13: The same in a mapping, and under a name."""
    named = Annotated[Mailer, Named("bulk")]
    shop = container(provider(Mailer, scope="app", name="bulk"))
    with pytest.raises(WrongReplacementError) as caught:
        shop.override({Mailer: Fake(), named: Fake})
    assert caught.value.key.name == "bulk"


@pytest.mark.parametrize(
    ("key", "given"),
    [
        (Sender, Static),
        (Settings, FakeSettings),
        (Clock, lambda: 0.0),
        (Callable[[], float], lambda: 0.0),
        (type[Mailer], Fake),
        (object, fake_mailer),
    ],
    ids=["static", "no method", "protocol", "callable", "class", "anything"],
)
async def test_what_may_be_a_class_or_function(key: Any, given: Any) -> None:
    """G13: A class or function that can itself be what is asked for is an object like others."""

    @provider(scope="app", provides=key)
    def made() -> Any: ...

    shop = Container(made)
    async with shop.override(key, given), shop.open() as app:
        assert await app.get(key) is given
