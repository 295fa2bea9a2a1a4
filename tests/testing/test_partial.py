"""`lifescope.testing.partial`: fakes with the members that a test gives them (I10)."""

import copy
import dataclasses
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import pytest

from lifescope import (
    Container,
    LifescopeError,
    MissingMemberError,
    UnknownMemberError,
    WrongMemberError,
    provider,
)
from lifescope.testing import partial

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@runtime_checkable
class Mailer(Protocol):
    sender: str

    async def send(self, to: str, text: str = "") -> int: ...
    def close(self) -> None: ...


class Pool:
    size: int
    limit = 3

    def __init__(self, url: str) -> None:
        self.url = url
        raise AssertionError("nothing of the class is called")

    @property
    def free(self) -> int:
        return 1

    @staticmethod
    def parse(url: str) -> str:
        return url

    @classmethod
    def open(cls, url: str) -> "Pool":
        return cls(url)

    def __len__(self) -> int:
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class Table(ABC, Generic[T]):
    @abstractmethod
    def rows(self) -> Iterator[T]: ...


def here() -> int:
    return sys._getframe(1).f_lineno


def test_it_passes_for_an_instance() -> None:
    """I10: Of a protocol, a class, an abstract or generic one; nothing of it is called."""
    assert isinstance(partial(Mailer), Mailer)
    assert isinstance(partial(Pool), Pool)
    assert isinstance(partial(Table[int]), Table)
    assert partial(Pool).__class__ is Pool


def test_missing_member() -> None:
    """I10: The error names the member, and the line where the fake was made."""
    fake, line = partial(Pool, size=2), here()
    assert fake.size == 2
    for use in (
        lambda: fake.limit,
        lambda: fake.url,
        lambda: fake.free,
        lambda: fake.parse("x"),
        lambda: hasattr(fake, "open"),
        lambda: getattr(fake, "limit", None),
    ):
        with pytest.raises(MissingMemberError) as caught:
            use()
    assert caught.value.member == "Pool.limit"
    assert isinstance(caught.value, LifescopeError)
    text = " ".join(str(caught.value).split())
    assert "Pool.limit is not part of this fake, made at" in text
    assert f"test_partial.py:{line}" in text


@pytest.mark.parametrize("use", [len, bool, lambda fake: fake.__enter__()])
def test_missing_special_method(use: Callable[[Any], Any]) -> None:
    """I10: What Python itself asks for, of what the class has, fails by name as well."""
    with pytest.raises(MissingMemberError):
        use(partial(Pool))


def test_missing_context_manager() -> None:
    with pytest.raises(MissingMemberError, match=r"Pool\.__enter__"):
        with partial(Pool):
            raise AssertionError


def test_special_methods() -> None:
    """They are given like any other, without `self`."""
    fake = partial(Pool, __len__=lambda: 3, __eq__=lambda other: other == "pool")
    assert len(fake) == 3
    assert fake == "pool"


def test_what_the_class_does_not_have_either() -> None:
    """It is an AttributeError, as it is with the real object; and nothing that Python probes."""
    fake = partial(Pool)
    with pytest.raises(AttributeError):
        fake.unknown  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(fake, "__wrapped__")
    assert not dataclasses.is_dataclass(fake)
    assert dir(partial(Pool, size=1, limit=2)) == ["limit", "size"]
    assert repr(fake).startswith("<fake Pool, made at ")
    assert copy.copy(partial(Pool, size=1)).size == 1


def test_unknown_member() -> None:
    """I10: A fake of what nobody can ask for is refused at once, with what is close to it."""
    with pytest.raises(UnknownMemberError) as caught:
        partial(Mailer, sent=print)
    assert isinstance(caught.value, TypeError)
    assert caught.value.member == "Mailer.sent"
    assert "send" in caught.value.close
    assert "- send" in str(caught.value)


def test_members_that_only_instances_have() -> None:
    """What `__init__` sets, and what is only annotated, can be given."""
    fake = partial(Pool, url="x", size=1, limit=2, free=3)
    assert (fake.url, fake.size, fake.limit, fake.free) == ("x", 1, 2, 3)


def test_members_of_an_instance_are_its_own() -> None:
    """What the code under test sets is there."""
    fake = partial(Pool, size=1)
    fake.size = 2
    fake.limit = 4
    assert (fake.size, fake.limit) == (2, 4)


async def test_async_method_of_a_function() -> None:
    """What stands for an `async def` method may be a function: its result is awaited."""
    sent: list[Any] = []
    assert await partial(Mailer, send=lambda to, text="": 3).send("x") == 3
    await partial(Mailer, send=lambda *args: sent.append(args)).send("x", "y")

    async def send(to: str, text: str = "") -> int:
        return 5

    assert await partial(Mailer, send=send).send("x") == 5
    assert sent == [("x", "y")]


@pytest.mark.parametrize(
    "given",
    [lambda: None, lambda self, to, text: None, lambda *, other: None, 3, None],
    ids=["no parameter", "one too many", "another name", "number", "nothing"],
)
def test_wrong_member(given: Any) -> None:
    """What cannot be called as the method is, is refused before anybody calls it."""
    with pytest.raises(WrongMemberError) as caught:
        partial(Mailer, send=given)
    assert caught.value.member == "Mailer.send(to, text)"
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "given", [print, lambda *_, **__: None, lambda recipient: None, lambda *, to: None]
)
def test_fitting_member(given: Any) -> None:
    """It needs to take what the method requires; under other names, if by position."""
    partial(Mailer, send=given)


def test_static_and_class_methods() -> None:
    """Both are called without the class."""
    fake = partial(Pool, parse=lambda url: url * 2, open=lambda url: url)
    assert (fake.parse("x"), fake.open("y")) == ("xx", "y")
    with pytest.raises(WrongMemberError):
        partial(Pool, open=lambda: None)


async def test_as_an_override() -> None:
    """It is an object like any other: a replacement, and what a provider gives."""

    class Service:
        def __init__(self, mailer: Mailer) -> None:
            self.mailer = mailer

    @provider(scope="app")
    def mailer() -> Mailer:
        raise AssertionError

    @provider(scope="app", enter=False)
    def pool() -> Pool:
        return partial(Pool, size=7)

    container = Container(mailer, pool, provider(Service, scope="app"))
    fake = partial(Mailer, sender="me")
    with container.override(Mailer, fake):
        async with container.open() as app:
            assert (await app.get(Service)).mailer is fake
            assert (await app.get(Pool)).size == 7
