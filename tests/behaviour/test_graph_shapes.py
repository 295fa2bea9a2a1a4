"""Group B: what can be a provider, and what is passed to it."""

import types
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Generator,
    Iterator,
)
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import Annotated, Protocol

import anyio
import pytest

from lifescope import (
    Container,
    DuplicateProviderError,
    InvalidProviderError,
    MissingProviderError,
    Named,
    provider,
)
from reading import said

pytestmark = pytest.mark.anyio


class Value:
    pass


class Entered:
    """Gives a Value when it is entered."""

    def __init__(self, log) -> None:
        self.log = log

    def __enter__(self) -> Value:
        self.log("acquire")
        return Value()

    def __exit__(self, *_) -> None:
        self.log("release")


class AsyncEntered:
    def __init__(self, log) -> None:
        self.log = log

    async def __aenter__(self) -> Value:
        self.log("acquire")
        return Value()

    async def __aexit__(self, *_) -> None:
        self.log("release")


def a_class(log, **options):
    return provider(Value, **options)


def a_function(log, **options):
    def make() -> Value:
        return Value()

    return provider(make, **options)


def a_coroutine_function(log, **options):
    async def make() -> Value:
        return Value()

    return provider(make, **options)


def a_partial(log, **options):
    def make(number: int, factory) -> Value:
        return factory()

    return provider(partial(make, 3, factory=Value), **options)


def a_bound_method(log, **options):
    class Maker:
        def make(self) -> Value:
            return Value()

    return provider(Maker().make, **options)


def an_object_with_call(log, **options):
    class Maker:
        async def __call__(self) -> Value:
            return Value()

    return provider(Maker(), **options)


def a_generator(log, **options):
    def make() -> Iterator[Value]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def a_generator_with_three_parameters(log, **options):
    def make() -> Generator[Value, None, None]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def an_async_generator(log, **options):
    async def make() -> AsyncIterator[Value]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def an_async_generator_with_two_parameters(log, **options):
    async def make() -> AsyncGenerator[Value, None]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def a_context_manager_function(log, **options):
    @contextmanager
    def make() -> Iterator[Value]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def an_async_context_manager_function(log, **options):
    @asynccontextmanager
    async def make() -> AsyncIterator[Value]:
        log("acquire")
        yield Value()
        log("release")

    return provider(make, **options)


def a_function_that_returns_a_context_manager(log, **options):
    def make() -> AbstractContextManager[Value]:
        return Entered(log)

    return provider(make, **options)


def a_function_that_returns_an_async_context_manager(log, **options):
    def make() -> AbstractAsyncContextManager[Value]:
        return AsyncEntered(log)

    return provider(make, **options)


def a_coroutine_function_that_returns_an_async_context_manager(log, **options):
    async def make() -> AbstractAsyncContextManager[Value]:
        return AsyncEntered(log)

    return provider(make, **options)


def a_coroutine_function_that_returns_a_context_manager(log, **options):
    async def make() -> AbstractContextManager[Value]:
        return Entered(log)

    return provider(make, **options)


def a_class_to_enter(log, **options):
    class File(Value):
        def __enter__(self):
            log("acquire")
            return self

        def __exit__(self, *_):
            log("release")

    return provider(File, enter=True, provides=Value, **options)


def an_async_class_to_enter(log, **options):
    class Client(Value):
        async def __aenter__(self):
            log("acquire")
            return self

        async def __aexit__(self, *_):
            log("release")

    return provider(Client, enter=True, provides=Value, **options)


def a_class_that_could_be_entered_both_ways(log, **options):
    class Client(Value):
        def __enter__(self):
            raise AssertionError

        def __exit__(self, *_):
            raise AssertionError

        async def __aenter__(self):
            log("acquire")
            return self

        async def __aexit__(self, *_):
            log("release")

    return provider(Client, enter=True, provides=Value, **options)


def a_class_not_to_enter(log, **options):
    class Lock(Value):
        def __enter__(self):
            raise AssertionError

        def __exit__(self, *_):
            raise AssertionError

    return provider(Lock, enter=False, provides=Value, **options)


def a_coroutine_function_whose_result_is_entered(log, **options):
    class Client(Value):
        async def __aenter__(self):
            log("acquire")
            return self

        async def __aexit__(self, *_):
            log("release")

    async def connect() -> Client:
        return Client()

    return provider(connect, enter=True, provides=Value, **options)


WITHOUT_RELEASE = [
    a_class,
    a_function,
    a_coroutine_function,
    a_partial,
    a_bound_method,
    an_object_with_call,
    a_class_not_to_enter,
]
WITH_RELEASE = [
    a_generator,
    a_generator_with_three_parameters,
    an_async_generator,
    an_async_generator_with_two_parameters,
    a_context_manager_function,
    an_async_context_manager_function,
    a_function_that_returns_a_context_manager,
    a_function_that_returns_an_async_context_manager,
    a_coroutine_function_that_returns_an_async_context_manager,
    a_coroutine_function_that_returns_a_context_manager,
    a_class_to_enter,
    an_async_class_to_enter,
    a_class_that_could_be_entered_both_ways,
    a_coroutine_function_whose_result_is_entered,
]


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", WITHOUT_RELEASE, ids=name_of)
async def test_kind_without_release(log, kind, scope):
    """B01: Each kind of provider gives its value."""
    async with Container(kind(log, scope=scope)).open() as app, app.open() as request:
        value = await request.get(Value)
        assert isinstance(value, Value)
        assert (await request.get(Value) is value) is (scope != "transient")
    assert log.events == []


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", WITH_RELEASE, ids=name_of)
async def test_kind_with_release(log, kind, scope):
    """B01: Each kind of provider gives its value, and is released once."""
    async with Container(kind(log, scope=scope)).open() as app, app.open() as request:
        assert isinstance(await request.get(Value), Value)
        assert log.events == ["acquire"]
    assert log.events == ["acquire", "release"]


@pytest.mark.parametrize("kind", WITH_RELEASE, ids=name_of)
async def test_kind_with_release_asked_for_from_another_task(log, kind):
    """B01: The same from a task that did not open the scope."""
    async with Container(kind(log, scope="request")).open() as app, app.open() as request:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request.get, Value)
        assert log.events == ["acquire"]
    assert log.events == ["acquire", "release"]


async def test_parameters_of_each_kind_are_filled(log):
    """B01: Providers of every kind get what their parameters ask for."""

    class Settings:
        pass

    def build(settings: Settings) -> Annotated[list[Settings], Named("function")]:
        return [settings]

    async def coroutine(settings: Settings) -> Annotated[list[Settings], Named("coroutine")]:
        return [settings]

    def generator(settings: Settings) -> Iterator[Annotated[list[Settings], Named("generator")]]:
        yield [settings]

    async def agen(settings: Settings) -> AsyncIterator[Annotated[list[Settings], Named("agen")]]:
        yield [settings]

    functions = [build, coroutine, generator, agen]
    container = Container(
        provider(Settings, scope="app"), [provider(f, scope="request") for f in functions]
    )
    async with container.open() as app, app.open() as request:
        settings = await app.get(Settings)
        for name in ("function", "coroutine", "generator", "agen"):
            assert await request.get(Annotated[list[Settings], Named(name)]) == [settings]


def test_decorated_functions_and_classes_stay_what_they_were():
    """B01: `@provider` returns the function or class itself, so that a test can call it."""

    def function() -> Value:
        return Value()

    class Class:
        pass

    assert provider(scope="app")(function) is function
    assert provider(scope="app")(Class) is Class
    assert isinstance(function(), Value)


def test_provider_called_directly_marks_nothing():
    """B01: `provider(Class, ...)` leaves the class as it was."""
    before = dict(vars(Value))
    provider(Value, scope="app")
    assert dict(vars(Value)) == before


def test_two_providers_for_one_key_list_both_lines():
    """B02: Two providers for one key are an error that names both lines."""

    @provider(scope="app")
    def one() -> Value:
        return Value()

    @provider(scope="app")
    def two() -> Value:
        return Value()

    with pytest.raises(DuplicateProviderError) as caught:
        Container(one, two)
    for function in (one, two):
        line = function.__code__.co_firstlineno
        assert f"test_graph_shapes.py:{line}" in str(caught.value)
        assert f"{function.__name__}()" in str(caught.value)
    assert len(caught.value.providers) == 2


@pytest.mark.parametrize("turned", [False, True], ids=["after", "before"])
async def test_replacement_takes_the_place_of_the_other(log, turned):
    """B02: With `replace=True` only the replacement is made, whatever the order."""

    @provider(scope="app")
    def old() -> Value:
        log("old")
        return Value()

    @provider(scope="app", replace=True)
    def new() -> Value:
        log("new")
        return Value()

    sources = [new, old] if turned else [old, new]
    async with Container(sources).open() as app:
        await app.get(Value)
    assert log.events == ["new"]


def test_two_replacements_are_an_error():
    """B02: Two providers that both say `replace=True` are two again."""
    with pytest.raises(DuplicateProviderError):
        Container(
            provider(Value, scope="app"),
            provider(Value, scope="app", replace=True),
            provider(Value, scope="app", replace=True),
        )


class Reader:
    pass


class Writer:
    pass


class File(Reader, Writer):
    pass


class Memory(Reader):
    pass


async def test_replacing_one_of_several_keys_keeps_the_others():
    """B02: A replacement of one key leaves the other keys of the same provider served."""
    container = Container(
        provider(File, scope="app", provides=(Reader, Writer)),
        provider(Memory, scope="app", provides=Reader, replace=True),
    )
    async with container.open() as app:
        assert isinstance(await app.get(Reader), Memory)
        assert isinstance(await app.get(Writer), File)


async def test_keys_with_different_names_are_different_things():
    """B06: One type under two names is two objects."""
    container = Container(
        provider(Value, scope="app", name="a"), provider(Value, scope="app", name="b")
    )
    async with container.open() as app:
        a = await app.get(Annotated[Value, Named("a")])
        assert await app.get(Annotated[Value, Named("a")]) is a
        assert await app.get(Annotated[Value, Named("b")]) is not a


async def test_unknown_name_lists_the_known_ones():
    """B06: A name that nothing provides is an error that lists the names there are."""
    container = Container(
        provider(Value, scope="app", name="a"), provider(Value, scope="app", name="b")
    )
    async with container.open() as app:
        with pytest.raises(MissingProviderError) as caught:
            await app.get(Annotated[Value, Named("c")])
    assert [s.provider.key.name for s in caught.value.suggestions] == ["a", "b"]
    assert 'Value (named "a")' in said(caught.value)
    assert 'Value (named "b")' in said(caught.value)


@pytest.mark.parametrize(
    ("name", "asked"),
    [(None, Annotated[Value, Named("a")]), ("a", Value)],
    ids=["named from plain", "plain from named"],
)
async def test_names_never_fall_back(name, asked):
    """B06: A plain key never stands in for a named one, nor the other way round."""
    async with Container(provider(Value, scope="app", name=name)).open() as app:
        with pytest.raises(MissingProviderError):
            await app.get(asked)

    class User:
        def __init__(self, value: asked) -> None: ...

    with pytest.raises(MissingProviderError):
        Container(provider(Value, scope="app", name=name), provider(User, scope="app"))


async def test_name_in_the_annotation_of_the_provider():
    """B06: `-> Annotated[T, Named(...)]` qualifies a provider as `name=` does."""

    @provider(scope="app")
    def replica() -> Annotated[Value, Named("replica")]:
        return Value()

    class User:
        def __init__(self, value: Annotated[Value, Named("replica")]) -> None:
            self.value = value

    async with Container(replica, provider(User, scope="app")).open() as app:
        user = await app.get(User)
        assert user.value is await app.get(Annotated[Value, Named("replica")])


class Sink:
    pass


class Optional_:
    def __init__(self, sink: Sink | None) -> None:
        self.sink = sink


async def test_optional_without_provider_is_none():
    """B10: `T | None` without a provider of T gets None."""
    async with Container(provider(Optional_, scope="app")).open() as app:
        assert (await app.get(Optional_)).sink is None


async def test_optional_with_provider_is_filled():
    """B10: `T | None` with a provider of T gets the T."""
    container = Container(provider(Optional_, scope="app"), provider(Sink, scope="app"))
    async with container.open() as app:
        assert (await app.get(Optional_)).sink is await app.get(Sink)


def test_optional_whose_provider_lacks_something_is_an_error():
    """B10: A provider with a need that is missing is an error, not None."""

    @provider(scope="app")
    def sink(value: Value) -> Sink:
        raise AssertionError

    with pytest.raises(MissingProviderError) as caught:
        Container(provider(Optional_, scope="app"), sink)
    assert caught.value.key.form is Value


async def test_default_stays_where_nothing_provides_the_key():
    """B11: A parameter with a default and no provider keeps its default."""

    class User:
        def __init__(self, size: int = 3, *, sink: Sink | None = None, name: str = "x") -> None:
            self.got = (size, sink, name)

    async with Container(provider(User, scope="app")).open() as app:
        assert (await app.get(User)).got == (3, None, "x")


async def test_default_gives_way_to_a_provider():
    """B11: A parameter with a default and a provider gets what the provider makes."""

    class User:
        def __init__(self, size: int = 3, name: str = "x") -> None:
            self.got = (size, name)

    async with Container(provider(User, scope="app"), values={str: "given"}).open() as app:
        assert (await app.get(User)).got == (3, "given")


async def test_default_of_an_optional_stays_where_nothing_provides_it():
    """B11: `T | None = default` without a provider keeps its default, rather than None."""
    default = Sink()

    class User:
        def __init__(self, sink: Sink | None = default) -> None:
            self.sink = sink

    async with Container(provider(User, scope="app")).open() as app:
        assert (await app.get(User)).sink is default


class Clock(Protocol):
    def now(self) -> float: ...


class Base(ABC):
    @abstractmethod
    def now(self) -> float: ...


class Watch:
    def now(self) -> float:
        return 0.0


@pytest.mark.parametrize("form", [Clock, Base])
async def test_protocol_is_not_served_by_whatever_fits(form):
    """B12: A class that happens to fit a protocol or ABC is not used for it."""

    class User:
        def __init__(self, clock: form) -> None: ...

    with pytest.raises(MissingProviderError):
        Container(provider(Watch, scope="app"), provider(User, scope="app"))


@pytest.mark.parametrize("form", [Clock, Base])
async def test_protocol_is_served_by_what_says_so(form):
    """B12: With `provides=` a class is used for a protocol or ABC."""

    class User:
        def __init__(self, clock: form) -> None:
            self.clock = clock

    container = Container(provider(Watch, scope="app", provides=form), provider(User, scope="app"))
    async with container.open() as app:
        assert isinstance((await app.get(User)).clock, Watch)


async def test_subclass_is_not_served_for_its_base():
    """B12: Inheritance makes no key."""
    async with Container(provider(File, scope="app")).open() as app:
        with pytest.raises(MissingProviderError) as caught:
            await app.get(Reader)
        assert "File" in str(caught.value)


def test_container_has_nothing_to_register_with():
    """B17: A container is built once; there is no method that adds to it."""
    container = Container(provider(Value, scope="app"))
    public = {name for name in dir(container) if not name.startswith("_")}
    assert not {name for name in public if any(w in name for w in ("add", "regist", "bind"))}


async def test_module_is_a_source_of_its_marked_members():
    """B01: A module stands for what is marked in it, and nothing else."""
    module = types.ModuleType("services")

    @provider(scope="app")
    def value() -> Value:
        return Value()

    vars(module).update(value=value, again=value, Reader=Reader, number=3)
    async with Container(module).open() as app:
        assert isinstance(await app.get(Value), Value)
        with pytest.raises(MissingProviderError):
            await app.get(Reader)


async def test_containers_and_iterables_are_sources():
    """B01: Sources nest: iterables of sources, other containers; each counts once."""
    values = provider(Value, scope="app")
    first = Container(values)
    second = Container([first, (values, {provider(Sink, scope="app")})], iter([values]))
    async with second.open() as app:
        await app.get(Value)
        await app.get(Sink)


async def test_mark_is_not_inherited():
    """B01: A subclass of a marked class is no provider."""

    @provider(scope="app")
    class Marked:
        pass

    class Unmarked(Marked):
        pass

    with pytest.raises(InvalidProviderError, match="Unmarked"):
        Container(Unmarked)
    async with Container(Marked).open() as app:
        assert type(await app.get(Marked)) is Marked


async def test_one_function_may_be_provided_twice():
    """B01: `provider(f, ...)` may be called twice for one function, under two names."""

    def make() -> Value:
        return Value()

    container = Container(
        provider(make, scope="app", name="a"), provider(make, scope="request", name="b")
    )
    async with container.open() as app, app.open() as request:
        a = await request.get(Annotated[Value, Named("a")])
        assert await request.get(Annotated[Value, Named("b")]) is not a
