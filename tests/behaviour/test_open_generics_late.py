"""Group B: instances of open generics that are asked for after construction, or overridden."""

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

import pytest

from lifescope import Container, Factory, Lazy, ScopeOrderError, provider

pytestmark = pytest.mark.anyio

T = TypeVar("T")
SCOPES = ["app", "request"]


class User:
    pass


class Order:
    pass


class Repo(Generic[T]):
    tag = ""


def tagged(cls: Any, tag: str) -> Any:
    made = cls()
    made.tag = tag
    return made


def repo_for(form: Any, tag: str, scope: str = "app") -> Any:
    """A provider of *form* of which the objects have a tag."""
    return provider(lambda: tagged(Repo, tag), scope=scope, provides=form)


@pytest.mark.parametrize("scope", SCOPES)
async def test_instance_that_nobody_has_asked_for_before(log, scope):
    """B08: After construction, new instances can still be asked for, in every way."""

    @provider(scope=scope)
    async def repo(model: type[T]) -> AsyncIterator[Repo[T]]:
        log(f"acquire {model.__name__}")
        yield Repo()
        log(f"release {model.__name__}")

    async with Container(repo).open() as app, app.open() as request:
        made = await request.get(Repo[User])
        assert request.get_nowait(Repo[User]) is made
        async with app.open() as other:
            assert (await other.get(Repo[User]) is made) is (scope == "app")
        async with (await request.get(Factory[Repo[Order]]))() as block:
            assert block is not made
        assert await (await request.get(Lazy[Repo[User]])) is made
        if scope == "request":
            with pytest.raises(ScopeOrderError):
                await app.get(Repo[int])
    assert len(log.starting_with("acquire")) == len(log.starting_with("release"))
    assert log.count("acquire Order") == 1


async def test_late_instance_in_another_app_scope():
    """B08, G12: Each app scope has its own, whichever was first to ask."""
    container = Container(repo_for(Repo[T], "open"))
    async with container.open() as one, container.open() as two:
        assert await one.get(Repo[User]) is not await two.get(Repo[User])


async def test_override_of_an_instance():
    """I07: `Repo[User]` is overridden alone."""

    class Service:
        def __init__(self, users: Repo[User], orders: Repo[Order]) -> None:
            self.users, self.orders = users, orders

    container = Container(repo_for(Repo[T], "open"), provider(Service, scope="app"))
    fake = Repo[User]()
    with container.override(Repo[User], fake):
        async with container.open() as app:
            service = await app.get(Service)
            assert service.users is fake is await app.get(Repo[User])
            assert service.orders.tag == (await app.get(Repo[str])).tag == "open"
    async with container.open() as app:
        assert (await app.get(Repo[User])).tag == "open"


async def test_override_of_an_instance_by_a_provider(log):
    """I06: The replacement has its own needs and release."""

    def fake(orders: Repo[Order]) -> Repo[User]:
        made = tagged(Repo, "fake")
        made.orders = orders
        return made

    container = Container(repo_for(Repo[T], "open"))
    with container.override(Repo[User], provider(fake, scope="request")):
        async with container.open() as app, app.open() as request:
            made = await request.get(Repo[User])
            assert (made.tag, made.orders.tag) == ("fake", "open")
