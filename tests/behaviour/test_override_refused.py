"""Overrides, and scopes, that are asked for in a way that cannot be meant (I05, C13)."""

import pytest

from lifescope import (
    Container,
    MissingProviderError,
    UnknownOverrideError,
    provider,
)

pytestmark = pytest.mark.anyio


class Mailer: ...


class FakeMailer(Mailer): ...


@provider(scope="request")
def make_mailer() -> Mailer:
    return Mailer()


def container() -> Container:
    return Container(make_mailer)


def test_unknown_key_says_what_to_override() -> None:
    """I05: The first way out names the key that is close to it."""
    with pytest.raises(UnknownOverrideError) as caught, container().override(FakeMailer, 1):
        pass
    assert "Fix: override Mailer, if that is meant." in str(caught.value)


def test_unknown_key_of_a_list() -> None:
    """I05: What contributes to a list is overridden with the list; what is not there, is not."""
    own = Container(provider(Mailer, scope="app", many=True))
    with pytest.raises(UnknownOverrideError) as caught, own.override(Mailer, 1):
        pass
    assert "override list[Mailer], if that is meant." in str(caught.value)
    assert "override Mailer," not in str(caught.value)


async def test_keys_in_quotes() -> None:
    """C13: They are no keys; the text does not send anybody to an import that is there."""
    own = container()
    with pytest.raises(UnknownOverrideError) as override, own.override("Mailer", 1):
        pass
    assert "Fix: override the class itself, without quotes: Mailer." in str(override.value)
    async with own.open() as app:
        with pytest.raises(MissingProviderError) as get:
            await app.get("Mailer")
    assert "Fix: ask for the class itself, without quotes: Mailer." in str(get.value)
    assert "import Mailer" not in str(get.value)


async def test_open_with_the_argument_of_the_other_open() -> None:
    """A container opens the widest scope, and a scope one that has a name: each says so."""
    own = container()
    with pytest.raises(TypeError, match=r"app\.open\('request'\) as scope"):
        own.open("request")  # type: ignore[arg-type]
    async with own.open() as app:
        with pytest.raises(TypeError, match=r"open\(values=\{\.\.\.\}\)"):
            app.open({Mailer: Mailer()})  # type: ignore[arg-type]
