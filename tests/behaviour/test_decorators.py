"""Group B: `decorate=True`, providers that wrap the provider of the same key."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, TypeVar

import pytest

from lifescope import (
    CaptiveDependencyError,
    Container,
    CycleError,
    GraphError,
    InvalidProviderError,
    Lazy,
    MissingProviderError,
    Named,
    ScopeOrderError,
    provider,
    supplied,
)
from reading import pointed_at

pytestmark = pytest.mark.anyio

T = TypeVar("T")
SCOPES = ["app", "request", "transient"]


class Store:
    inner: "Store | None" = None

    def __init__(self, name: str = "base") -> None:
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}({self.inner or ''})"


class Cache:
    pass


class Repo(Generic[T]):
    inner: Any = None


class User:
    pass


def wrapped(store: Store, name: str) -> Store:
    made = Store(name)
    made.inner = store
    return made


def base(log: Any, scope: str = "app", **options: Any) -> Any:
    async def make() -> AsyncIterator[Store]:
        log("acquire base")
        yield Store()
        log("release base")

    return provider(make, scope=scope, **options)


def wrap(log: Any, name: str, scope: str = "app", **options: Any) -> Any:
    async def decorator(store: Store) -> AsyncIterator[Store]:
        log(f"acquire {name}")
        yield wrapped(store, name)
        log(f"release {name}")

    return provider(decorator, scope=scope, decorate=True, **options)


def at(function: Any) -> str:
    return f"test_decorators.py:{function.__code__.co_firstlineno}"


def refused(*sources: Any) -> GraphError:
    with pytest.raises(GraphError) as caught:
        Container(*sources)
    return caught.value


@pytest.mark.parametrize("scope", SCOPES)
async def test_decorators_in_order(log, scope):
    """B16: Two decorators wrap in the order of declaration, and release in reverse."""
    parts = [base(log, scope), wrap(log, "one", scope), wrap(log, "two", scope)]
    async with Container(parts).open() as app, app.open() as request:
        assert str(await request.get(Store)) == "two(one(base()))"
    assert log.events == [
        *("acquire base", "acquire one", "acquire two"),
        *("release two", "release one", "release base"),
    ]


@pytest.mark.parametrize("order", ["12b", "1b2", "b12", "21b"])
async def test_only_the_order_of_decorators_counts(log, order):
    """B16: Where the base is declared makes no difference; the first decorator is innermost."""
    parts = {"b": base(log), "1": wrap(log, "1"), "2": wrap(log, "2")}
    first, second = (name for name in order if name != "b")
    async with Container(parts[name] for name in order).open() as app:
        assert str(await app.get(Store)) == f"{second}({first}(base()))"


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_decorated_object_is_shared(log, scope):
    """B16, G1: All who ask get the one outermost object."""

    class Holder:
        def __init__(self, store: Store) -> None:
            self.store = store

    parts = [base(log, scope), wrap(log, "one", scope), provider(Holder, scope="request")]
    async with Container(parts).open() as app, app.open() as request:
        store = await request.get(Store)
        assert (await request.get(Holder)).store is store is request.get_nowait(Store)
    assert log.count("acquire base") == log.count("acquire one") == 1


async def test_decorator_with_needs_of_its_own(log):
    """B16: A decorator may need other things, and be of any kind."""

    @provider(scope="app", decorate=True)
    def cached(cache: Cache, store: Store, size: int = 3) -> Store:
        made = wrapped(store, "cached")
        made.cache = cache
        return made

    async with Container(cached, base(log), provider(Cache, scope="app")).open() as app:
        made = await app.get(Store)
        assert str(made) == "cached(base())"
        assert made.cache is await app.get(Cache)


async def test_class_as_decorator(log):
    """B16: A class that takes what it wraps is a decorator, without knowing lifescope."""

    class Logged(Store):
        def __init__(self, inner: Store) -> None:
            super().__init__("logged")
            self.inner = inner

    logged = provider(Logged, scope="app", provides=Store, decorate=True)
    async with Container(base(log), logged).open() as app:
        assert str(await app.get(Store)) == "logged(base())"


async def test_decorator_in_a_narrower_scope(log):
    """B16: A decorator may live shorter than what it wraps."""
    async with Container(base(log), wrap(log, "one", "request")).open() as app:
        for _ in range(2):
            async with app.open() as request:
                assert str(await request.get(Store)) == "one(base())"
        with pytest.raises(ScopeOrderError) as caught:
            await app.get(Store)
        assert (caught.value.scope, caught.value.asked_in) == ("request", "app")
    assert log.count("acquire base") == 1
    assert log.count("acquire one") == 2


async def test_decorator_of_a_named_key(log):
    """B06, B16: A decorator wraps its own key only."""
    named = Annotated[Store, Named("x")]

    @provider(scope="app", name="x", decorate=True)
    def decorator(store: named) -> Store:
        return wrapped(store, "x")

    async with Container(base(log), base(log, name="x"), decorator).open() as app:
        assert str(await app.get(Store)) == "base()"
        assert str(await app.get(named)) == "x(base())"


async def test_decorator_of_one_of_several_keys():
    """A07, B16: The other keys of the wrapped object stay as they are."""

    class Reader:
        pass

    class Writer:
        pass

    class File(Reader, Writer):
        pass

    class Logged(Reader):
        def __init__(self, inner: Reader) -> None:
            self.inner = inner

    container = Container(
        provider(File, scope="app", provides=(Reader, Writer)),
        provider(Logged, scope="app", provides=Reader, decorate=True),
    )
    async with container.open() as app:
        reader, writer = await app.get(Reader), await app.get(Writer)
        assert type(reader) is Logged
        assert reader.inner is writer


async def test_decorator_of_a_value():
    """B16: A value of the container, or one that is handed in, can be wrapped as well."""
    value = Store("value")

    @provider(scope="app", decorate=True)
    def decorator(store: Store) -> Store:
        return wrapped(store, "one")

    async with Container(decorator, values={Store: value}).open() as app:
        assert str(await app.get(Store)) == "one(value())"
    container = Container(
        supplied(Store, scope="request"), provider(decorator, scope="request", decorate=True)
    )
    async with container.open() as app, app.open(values={Store: value}) as request:
        made = await request.get(Store)
        assert str(made) == "one(value())"
        assert made.inner is value


@pytest.mark.parametrize("asker", ["nobody", "declared before", "declared after"])
async def test_decorator_of_an_instance_of_a_generic(asker):
    """B16, B08: What an open provider makes can be wrapped for one argument."""

    @provider(scope="app")
    def repo() -> Repo[T]:
        return Repo()

    @provider(scope="app", decorate=True)
    def decorator(inner: Repo[User]) -> Repo[User]:
        made = Repo[User]()
        made.inner = inner
        return made

    @provider(scope="app", provides=str)
    def user(repo: Repo[User]) -> str:
        return "x"

    sources: list[Any] = [repo, decorator]
    if asker != "nobody":
        sources.insert(0 if asker == "declared before" else 2, user)
    async with Container(sources).open() as app:
        assert type((await app.get(Repo[User])).inner) is Repo
        assert (await app.get(Repo[int])).inner is None


async def test_open_decorator():
    """B16, B08: A decorator for every T wraps each instance, and exact providers, too."""

    @provider(scope="app")
    def repo() -> Repo[T]:
        return Repo()

    @provider(scope="app")
    def exact() -> Repo[User]:
        return Repo()

    @provider(scope="app", decorate=True)
    def decorator(inner: Repo[T]) -> Repo[T]:
        made = Repo[Any]()
        made.inner = inner
        return made

    async with Container(repo, exact, decorator).open() as app:
        for form in (Repo[int], Repo[User]):
            made = await app.get(form)
            assert type(made.inner) is Repo
            assert made.inner.inner is None
        assert await app.get(Repo[int]) is not await app.get(Repo[User])


@pytest.mark.parametrize("contributions", [0, 2])
async def test_decorator_of_a_list(log, contributions):
    """B16, B03: A list of contributions can be wrapped: sorted, say."""

    @provider(scope="app", decorate=True)
    def decorator(stores: list[Store]) -> list[Store]:
        return [*stores, Store("last")]

    parts = [base(log, many=True) for _ in range(contributions)]
    async with Container(parts, decorator).open() as app:
        assert [s.name for s in await app.get(list[Store])] == ["base"] * contributions + ["last"]


# --- errors ---------------------------------------------------------------------------------


def test_decorator_without_a_base(log):
    """B16, C01: Where there is nothing to wrap, it is missing."""
    decorator = wrap(log, "one")
    error = refused(decorator)
    assert type(error) is MissingProviderError
    assert error.key.form is Store
    assert [(link.name, link.parameter) for link in error.chain] == [("decorator()", "store")]
    assert pointed_at(error) == ["store"]
    for text in ("nothing provides Store", at(decorator.target)):
        assert text in str(error)


@pytest.mark.parametrize("parameters", ["none", "another", "lazy"])
def test_decorator_without_a_parameter_for_what_it_wraps(log, parameters):
    """B16: A decorator that does not take what it wraps is refused."""

    def none() -> Store:
        raise AssertionError

    def another(cache: Cache) -> Store:
        raise AssertionError

    def lazy(store: Lazy[Store]) -> Store:
        raise AssertionError

    function = {"none": none, "another": another, "lazy": lazy}[parameters]
    decorator = provider(function, scope="app", decorate=True)
    error = refused(base(log), decorator, provider(Cache, scope="app"))
    found = [p for p in error.problems if isinstance(p, InvalidProviderError)]
    assert [p.name for p in found] == [f"{parameters}()"]
    for text in ("decorate=True", "no parameter of type Store", at(function)):
        assert text in str(error)


def test_circle_through_a_decorator(log):
    """B16, C11: A decorator that needs something that needs what it wraps is a circle."""

    @provider(scope="app")
    def cache(store: Store) -> Cache:
        raise AssertionError

    @provider(scope="app", decorate=True)
    def decorator(store: Store, cache: Cache) -> Store:
        raise AssertionError

    error = refused(base(log), cache, decorator)
    assert type(error) is CycleError
    assert sorted(link.name for link in error.chain) == ["cache()", "decorator()"]
    assert at(cache) in str(error)
    assert at(decorator) in str(error)


def test_circle_through_the_base(log):
    """B16, C11: A base that needs what wraps it is a circle, too."""

    @provider(scope="app")
    def make(cache: Cache) -> Store:
        raise AssertionError

    @provider(scope="app")
    def cache(store: Store) -> Cache:
        raise AssertionError

    error = refused(make, cache, wrap(log, "one"))
    assert type(error) is CycleError
    assert sorted(link.name for link in error.chain) == ["cache()", "decorator()", "make()"]


def test_captive_through_a_decorator(log):
    """B16, C04: What needs a decorated key needs the decorator's scope."""

    class Holder:
        def __init__(self, store: Store) -> None: ...

    decorator = wrap(log, "one", "request")
    error = refused(base(log), decorator, provider(Holder, scope="app"))
    assert type(error) is CaptiveDependencyError
    assert (error.outer.target, error.inner.target) == (Holder, decorator.target)


def test_decorator_that_would_keep_what_it_wraps(log):
    """B16, C04: A decorator may not outlive what it wraps."""
    error = refused(base(log, "request"), wrap(log, "one", "app"))
    assert type(error) is CaptiveDependencyError
    assert error.outer.decorate
    assert "decorator()" in str(error)


async def test_failing_decorator(log):
    """B16, D13: What a failed decorator was to wrap is released at the end of its scope."""
    error = KeyError("x")

    @provider(scope="request", decorate=True)
    async def decorator(store: Store) -> Store:
        raise error

    container = Container(base(log, "request"), decorator)
    async with container.open() as app, app.open() as request:
        with pytest.raises(KeyError) as caught:
            await request.get(Store)
        assert caught.value is error
        assert log.events == ["acquire base"]
    assert log.events == ["acquire base", "release base"]
