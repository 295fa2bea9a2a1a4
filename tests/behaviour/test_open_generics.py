"""Group B: open generics, `-> Repo[T]` serves `Repo[User]`."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest

from lifescope import (
    Container,
    GraphError,
    Lazy,
    MissingProviderError,
    Named,
    provider,
)
from reading import pointed_at

pytestmark = pytest.mark.anyio

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")


class Entity:
    pass


class User(Entity):
    pass


class Order(Entity):
    pass


class Stranger:
    pass


E = TypeVar("E", bound=Entity)
S = TypeVar("S", bound=Stranger)
IntOrStr = TypeVar("IntOrStr", int, str)
SCOPES = ["app", "request"]


class Repo(Generic[T]):
    tag = ""
    model: Any = None


class Pair(Generic[K, V]):
    tag = ""


class Engine:
    pass


def tagged(cls: Any, tag: str) -> Any:
    made = cls()
    made.tag = tag
    return made


def repo_for(form: Any, tag: str, scope: str = "app") -> Any:
    """A provider of *form* of which the objects have a tag."""
    return provider(lambda: tagged(Repo, tag), scope=scope, provides=form)


@pytest.mark.parametrize("scope", SCOPES)
async def test_open_provider_serves_every_argument(log, scope):
    """B08: Each instance of a generic is an object of its own, shared like any other."""

    @provider(scope=scope)
    async def repo() -> AsyncIterator[Repo[T]]:
        log("acquire")
        yield Repo()
        log("release")

    class Service:
        def __init__(self, users: Repo[User], orders: Repo[Order]) -> None:
            self.users, self.orders = users, orders

    container = Container(repo, provider(Service, scope="request"))
    async with container.open() as app, app.open() as request:
        service = await request.get(Service)
        assert service.users is not service.orders
        assert service.users is await request.get(Repo[User])
        assert service.orders is await request.get(Repo[Order])
        assert log.events == ["acquire"] * 2
    assert log.events == ["acquire"] * 2 + ["release"] * 2


@pytest.mark.parametrize("order", ["open first", "exact first"])
async def test_exact_provider_wins(order):
    """B08: A provider of exactly `Repo[User]` is used for it, and the open one for others."""
    parts = [repo_for(Repo[T], "open"), repo_for(Repo[User], "exact")]
    async with Container(parts if order == "open first" else parts[::-1]).open() as app:
        assert (await app.get(Repo[User])).tag == "exact"
        assert (await app.get(Repo[Order])).tag == "open"


async def test_contained_in_the_key():
    """B08: A key of which a part is open matches that part."""
    container = Container(
        provider(lambda: tagged(Pair, "open"), scope="app", provides=Pair[str, T]),
        provider(lambda: tagged(Repo, "nested"), scope="app", provides=Repo[list[T]]),
    )
    async with container.open() as app:
        assert (await app.get(Pair[str, User])).tag == "open"
        assert (await app.get(Repo[list[User]])).tag == "nested"
        for form in (Pair[int, User], Repo[User], Repo[set[User]], Pair[Any, User]):
            with pytest.raises(MissingProviderError):
                await app.get(form)


# --- what a type variable admits ------------------------------------------------------------


async def test_bound():
    """B09: An argument that the bound excludes counts as not provided."""
    async with Container(repo_for(Repo[E], "bound")).open() as app:
        assert (await app.get(Repo[User])).tag == "bound"
        assert (await app.get(Repo[Entity])).tag == "bound"
        with pytest.raises(MissingProviderError) as caught:
            await app.get(Repo[Stranger])
    assert caught.value.key.form == Repo[Stranger]
    assert "nothing provides Repo[Stranger]" in str(caught.value)


def test_bound_at_construction():
    """B09: So does one that a parameter asks for; asker and line are named."""

    @provider(scope="app")
    def service(repo: Repo[Stranger]) -> Engine:
        raise AssertionError

    with pytest.raises(MissingProviderError) as caught:
        Container(service, repo_for(Repo[E], "bound"))
    line = service.__code__.co_firstlineno
    assert pointed_at(caught.value) == ["repo"]
    for text in ("Repo[Stranger]", "service(repo)", f"test_open_generics.py:{line}"):
        assert text in str(caught.value)


async def test_optional_parameter_and_bound():
    """B09, B10: An optional parameter gets None for what the bound excludes."""

    @provider(scope="app", provides=tuple)
    def service(user: Repo[User] | None, stranger: Repo[Stranger] | None) -> Any:
        return user, stranger

    async with Container(service, repo_for(Repo[E], "bound")).open() as app:
        user, stranger = await app.get(tuple)
        assert user.tag == "bound"
        assert stranger is None


async def test_constraints():
    """B09: Of a constrained type variable only the constraints count."""
    async with Container(repo_for(Repo[IntOrStr], "constrained")).open() as app:
        assert (await app.get(Repo[int])).tag == "constrained"
        assert (await app.get(Repo[str])).tag == "constrained"
        for form in (Repo[bool], Repo[float]):
            with pytest.raises(MissingProviderError):
                await app.get(form)


async def test_bound_with_a_fallback():
    """B09: What the bound excludes may be served by another open provider."""
    async with Container(
        repo_for(Repo[E], "entity"), repo_for(Repo[list[T]], "list")
    ).open() as app:
        assert (await app.get(Repo[User])).tag == "entity"
        assert (await app.get(Repo[list[int]])).tag == "list"


# --- several type variables -----------------------------------------------------------------


async def test_two_type_variables():
    """B08: Each variable is bound to its own argument."""

    @provider(scope="app")
    def pair(first: type[K], second: type[V]) -> Pair[K, V]:
        return tagged(Pair, f"{first.__name__} {second.__name__}")

    async with Container(pair).open() as app:
        assert (await app.get(Pair[User, Order])).tag == "User Order"
        assert (await app.get(Pair[Order, User])).tag == "Order User"
        assert await app.get(Pair[User, Order]) is await app.get(Pair[User, Order])


async def test_same_type_variable_twice():
    """B08: A variable that stands twice is the same argument twice."""
    same = provider(lambda: tagged(Pair, "same"), scope="app", provides=Pair[T, T])
    async with Container(same).open() as app:
        assert (await app.get(Pair[User, User])).tag == "same"
        with pytest.raises(MissingProviderError):
            await app.get(Pair[User, Order])


@pytest.mark.parametrize("order", [1, -1])
async def test_most_specific_pattern(order):
    """B08: Of several patterns that fit, the most specific one is used."""

    def pair(form: Any, tag: str) -> Any:
        return provider(lambda: tagged(Pair, tag), scope="app", provides=form)

    parts = [
        pair(Pair[K, V], "any"),
        pair(Pair[str, V], "str"),
        pair(Pair[str, list[V]], "list"),
        pair(Pair[str, list[int]], "exact"),
    ]
    async with Container(parts[::order]).open() as app:
        assert (await app.get(Pair[int, int])).tag == "any"
        assert (await app.get(Pair[str, int])).tag == "str"
        assert (await app.get(Pair[str, list[str]])).tag == "list"
        assert (await app.get(Pair[str, list[int]])).tag == "exact"


async def test_two_patterns_with_different_bounds():
    """B09: Where only the bounds differ, each serves what its own admits."""
    parts = [repo_for(Repo[E], "entity"), repo_for(Repo[S], "stranger")]
    async with Container(parts).open() as app:
        assert (await app.get(Repo[User])).tag == "entity"
        assert (await app.get(Repo[Stranger])).tag == "stranger"


# --- what an instance needs -----------------------------------------------------------------


async def test_class_of_the_argument():
    """B08: A parameter `type[T]` gets the class that was asked for."""

    @provider(scope="app")
    def repo(engine: Engine, model: type[T], *, size: int = 3) -> Repo[T]:
        made = Repo[Any]()
        made.model, made.engine = model, engine
        return made

    async with Container(repo, provider(Engine, scope="app")).open() as app:
        for model in (User, Order):
            made = await app.get(Repo[model])
            assert made.model is model
            assert made.engine is await app.get(Engine)


async def test_class_that_is_provided():
    """B08: Where `type[User]` has a provider, that counts."""

    @provider(scope="app")
    def repo(model: type[T]) -> Repo[T]:
        made = Repo[Any]()
        made.model = model
        return made

    async with Container(repo, values={type[User]: Stranger}).open() as app:
        assert (await app.get(Repo[User])).model is Stranger
        assert (await app.get(Repo[Order])).model is Order


async def test_needs_that_are_generic():
    """B08: What an open provider needs may depend on the same variables, also in handles."""

    class Service(Generic[T]):
        pass

    @provider(scope="request")
    def service(
        repo: Repo[T], lazy: Lazy[Repo[T]], many: list[Repo[T]], pair: Pair[str, list[T]]
    ) -> Service[T]:
        made = Service[Any]()
        made.got = (repo, lazy, many, pair)
        return made

    pair = provider(lambda: tagged(Pair, "open"), scope="app", provides=Pair[str, V])
    container = Container(service, repo_for(Repo[T], "open"), pair)
    async with container.open() as app, app.open() as request:
        repo, lazy, many, pair = (await request.get(Service[User])).got
        assert repo is await request.get(Repo[User])
        assert await lazy is repo
        assert many == []
        assert pair is await request.get(Pair[str, list[User]])
        other = (await request.get(Service[Order])).got
        assert other[0] is not repo


async def test_generic_class_as_its_own_provider():
    """B08: A generic class provides each of its instances; its parameters are filled."""

    class Store(Generic[T]):
        def __init__(self, model: type[T], engine: Engine) -> None:
            self.model, self.engine = model, engine

    async with Container(provider(Store, scope="app"), provider(Engine, scope="app")).open() as app:
        users, orders = await app.get(Store[User]), await app.get(Store[Order])
        assert (users.model, orders.model) == (User, Order)
        assert type(users) is type(orders) is Store
        assert users is await app.get(Store[User])
        assert users.engine is orders.engine


async def test_subclass_of_a_generic_class():
    """B08: A generic class may provide the instances of its base."""

    class SqlRepo(Repo[T]):
        def __init__(self, model: type[T]) -> None:
            self.model = model

    async with Container(provider(SqlRepo, scope="app", provides=Repo[T])).open() as app:
        made = await app.get(Repo[User])
        assert type(made) is SqlRepo
        assert made.model is User


async def test_generic_protocol():
    """B12: An open provider of a protocol's instances is asked by the protocol."""

    class Reads(Protocol[T]):
        def read(self) -> T: ...

    @provider(scope="app")
    def reader() -> Reads[T]:
        return Repo()

    async with Container(reader).open() as app:
        assert type(await app.get(Reads[User])) is Repo
        with pytest.raises(MissingProviderError):
            await app.get(Repo[User])


async def test_several_open_keys(log):
    """A07: One open provider of several keys makes one object for each argument."""

    class Reader(Generic[T]):
        pass

    class Writer(Generic[T]):
        pass

    class Store(Reader[T], Writer[T]):
        pass

    container = Container(provider(Store, scope="app", provides=(Reader[T], Writer[T])))
    async with container.open() as app:
        assert await app.get(Reader[User]) is await app.get(Writer[User])
        assert await app.get(Reader[User]) is not await app.get(Writer[Order])


async def test_named_open_provider():
    """B06: A name counts for every instance."""
    plain = repo_for(Repo[T], "plain")
    named = provider(lambda: tagged(Repo, "x"), scope="app", provides=Repo[T], name="x")
    async with Container(plain, named).open() as app:
        assert (await app.get(Repo[User])).tag == "plain"
        assert (await app.get(Annotated[Repo[User], Named("x")])).tag == "x"
        with pytest.raises(MissingProviderError):
            await app.get(Annotated[Repo[User], Named("y")])


# --- a class that says what the type variable of its base is ---------------------------------


class Store(Generic[T]):
    def __init__(self, engine: Engine, model: type[T], *, rows: list[T]) -> None:
        self.engine, self.model, self.rows = engine, model, rows


async def test_class_with_the_init_of_a_generic_base():
    """B08: What the base calls T is what the class says, in every parameter; nothing is asked."""

    class OrderStore(Store[Order]):
        pass

    class Deeper(OrderStore):
        pass

    order = provider(Order, scope="app", many=True)
    parts = [order, *(provider(each, scope="app") for each in (Engine, OrderStore, Deeper))]
    async with Container(*parts).open() as app:
        for cls in (OrderStore, Deeper):
            made = await app.get(cls)
            assert type(made) is cls
            assert made.model is Order
            assert made.engine is await app.get(Engine)
            assert [type(row) for row in made.rows] == [Order]


async def test_exact_provider_that_is_a_subclass():
    """B08: The class for one argument stands beside the generic one for all others."""

    class OrderStore(Store[Order]):
        pass

    container = Container(
        provider(Engine, scope="app"),
        provider(Store, scope="app"),
        provider(OrderStore, scope="app", provides=Store[Order]),
    )
    async with container.open() as app:
        assert type(await app.get(Store[Order])) is OrderStore
        assert (await app.get(Store[Order])).model is Order
        assert (await app.get(Store[User])).model is User


async def test_subclass_with_a_variable_of_its_own():
    """B08: T of the base is U of the class, and what that is, the key says."""

    class OpenStore(Store[U]):
        pass

    class Deeper(OpenStore[V], Generic[K, V]):
        pass

    container = Container(
        provider(Engine, scope="app"),
        provider(OpenStore, scope="app", provides=Store[U]),
        provider(Deeper, scope="app"),
    )
    async with container.open() as app:
        assert (await app.get(Store[User])).model is User
        assert type(await app.get(Store[User])) is OpenStore
        assert (await app.get(Deeper[Order, User])).model is User


async def test_class_of_a_base_that_is_provided():
    """B08: Where `type[Order]` has a provider, that counts here, too."""

    class OrderStore(Store[Order]):
        pass

    parts = [provider(each, scope="app") for each in (Engine, OrderStore)]
    async with Container(*parts, values={type[Order]: Stranger}).open() as app:
        assert (await app.get(OrderStore)).model is Stranger


def test_init_of_a_generic_base_without_its_argument():
    """C01: Where nobody says what T is, it is missing."""

    class AnyStore(Store):  # type: ignore[type-arg]
        pass

    with pytest.raises(GraphError, match=r"nothing provides type\[T\]"):
        Container(provider(AnyStore, scope="app"), provider(Engine, scope="app"))
