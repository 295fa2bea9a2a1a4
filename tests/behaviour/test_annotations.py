"""What an annotation may be, and where its names may come from."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import Annotated, Any, Generic, NamedTuple, NewType, Self, TypeVar, Union

import httpx
import pytest

from behaviour import deferred_base, deferred_local
from lifescope import (
    Container,
    MissingProviderError,
    Named,
    UnresolvableAnnotationError,
    provider,
)

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class A:
    pass


class B:
    pass


class Unset:
    pass


async def made(container: Container, form: Any) -> Any:
    async with container.open() as app:
        return await app.get(form)


Dsn = NewType("Dsn", str)
Path = NewType("Path", str)


async def test_new_types_are_keys_of_their_own():
    """NewTypes of one type are different keys, and different from the type."""

    class User:
        def __init__(self, path: Path, dsn: Dsn) -> None:
            self.got = (path, dsn)

    @provider(scope="app")
    def dsn() -> Dsn:
        return Dsn("dsn")

    container = Container(dsn, provider(User, scope="app"), values={Path: "path"})
    assert (await made(container, User)).got == ("path", "dsn")
    with pytest.raises(MissingProviderError):
        await made(container, str)


async def test_other_metadata_is_no_part_of_the_key():
    """`Annotated[T, ...]` without `Named` is plain T, on both sides."""

    class User:
        def __init__(self, a: Annotated[A, "doc"], b: Annotated[B, {"not": "hashable"}]) -> None:
            self.got = (a, b)

    @provider(scope="app")
    def make_a() -> Annotated[A, 3]:
        return A()

    container = Container(make_a, provider(B, scope="app"), provider(User, scope="app"))
    async with container.open() as app:
        assert (await app.get(User)).got == (await app.get(A), await app.get(B))


async def test_other_metadata_in_get():
    """`get(Annotated[T, ...])` without `Named` is `get(T)`, whatever the metadata."""
    async with Container(provider(A, scope="app")).open() as app:
        a = await app.get(A)
        assert await app.get(Annotated[A, "doc"]) is a
        assert await app.get(Annotated[A, {"not": "hashable"}]) is a
        assert app.get_nowait(Annotated[A, {"not": "hashable"}]) is a


async def test_name_among_other_metadata():
    """`Named` counts wherever it stands in the metadata."""

    class User:
        def __init__(self, a: Annotated[A, "doc", Named("x"), 3]) -> None:
            self.a = a

    container = Container(provider(A, scope="app", name="x"), provider(User, scope="app"))
    async with container.open() as app:
        assert (await app.get(User)).a is await app.get(Annotated[A, Named("x")])


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[A, Named("x")] | None,
        Annotated[A | None, Named("x")],
        Union[Annotated[A, Named("x")], None],  # noqa: UP007
    ],
    ids=["name inside", "name outside", "Union"],
)
async def test_optional_and_named(annotation):
    """A name may stand inside or outside of `| None`."""

    class User:
        def __init__(self, a: annotation) -> None:
            self.a = a

    named = provider(A, scope="app", name="x")
    assert isinstance((await made(Container(named, provider(User, scope="app")), User)).a, A)
    plain = provider(A, scope="app")
    assert (await made(Container(plain, provider(User, scope="app")), User)).a is None


async def test_union_of_several_types_is_a_key():
    """`A | B` is a key of its own."""

    class User:
        def __init__(self, either: A | B) -> None:
            self.either = either

    @provider(scope="app")
    def either() -> A | B:
        return B()

    container = Container(either, provider(A, scope="app"), provider(User, scope="app"))
    assert type((await made(container, User)).either) is B


class Repo(Generic[T]):
    pass


REPO: Repo[A] = Repo()


@pytest.mark.parametrize(
    ("form", "value", "other"),
    [
        (list[int], [1], set[int]),
        (dict[str, A], {}, dict[str, B]),
        (tuple[int, ...], (1, 2), tuple[int]),
        (Sequence[A], (), tuple[A, ...]),
        (Callable[[int], str], str, Callable[[str], str]),
        (type[A], A, type[B]),
        (Repo[A], REPO, Repo[B]),
        (dict[str, Annotated[A, Named("x")]], {}, dict[str, A]),
    ],
    ids=lambda value: "repo" if value is REPO else str(value),
)
async def test_generics_are_keys(form, value, other):
    """B08: A generic with its arguments is a key; other arguments make another one."""

    @provider(scope="app")
    def make() -> form:
        return value

    class User:
        def __init__(self, it: form) -> None:
            self.it = it

    container = Container(make, provider(User, scope="app"))
    assert (await made(container, User)).it is value
    with pytest.raises(MissingProviderError):
        await made(container, other)


async def test_parameters_of_every_kind():
    """Positional-only, plain and keyword-only parameters are filled; `*args` are left alone."""

    @provider(scope="app")
    def make(a: A, /, b: B, *args: int, number: int, **kwargs: str) -> list[Any]:
        return [a, b, args, number, kwargs]

    container = Container(
        make, provider(A, scope="app"), provider(B, scope="app"), values={int: 3, str: "x"}
    )
    async with container.open() as app:
        got = await app.get(list[Any])
        assert got == [await app.get(A), await app.get(B), (), 3, {}]


@pytest.mark.parametrize("kind", ["positional-only", "plain", "keyword-only"])
async def test_parameter_after_one_that_keeps_its_default(kind):
    """A parameter is filled although one before it keeps its default."""

    def positional(unset: Unset | None = None, untold=1, a: A = None, b: B = None, /) -> list[Any]:
        return [unset, untold, a, b]

    def plain(unset: Unset | None = None, untold=1, a: A = None, b: B = None) -> list[Any]:
        return [unset, untold, a, b]

    def keyword(*, unset: Unset | None = None, untold=1, a: A = None, b: B = None) -> list[Any]:
        return [unset, untold, a, b]

    function = {"positional-only": positional, "plain": plain, "keyword-only": keyword}[kind]
    container = Container(
        provider(function, scope="app"), provider(A, scope="app"), provider(B, scope="app")
    )
    async with container.open() as app:
        got = await app.get(list[Any])
        assert got == [None, 1, await app.get(A), await app.get(B)]


async def test_dataclass():
    """Fields of a dataclass are parameters; defaults and factories count as defaults."""

    @dataclass
    class Service:
        a: A
        number: int = 3
        _: KW_ONLY
        b: B | None = None
        names: list[str] = field(default_factory=list)
        hidden: str = field(default="x", init=False)

    container = Container(
        provider(A, scope="app"), provider(B, scope="app"), provider(Service, scope="app")
    )
    service = await made(container, Service)
    assert isinstance(service.a, A)
    assert isinstance(service.b, B)
    assert (service.number, service.names, service.hidden) == (3, [], "x")


async def test_dataclass_with_init_var():
    """A field `InitVar[T]` of a dataclass is a parameter of type T."""

    @dataclass
    class Service:
        a: InitVar[A]

        def __post_init__(self, a: A) -> None:
            self.seen = a

    container = Container(provider(A, scope="app"), provider(Service, scope="app"))
    assert isinstance((await made(container, Service)).seen, A)


async def test_named_tuple():
    """A NamedTuple is made like any class."""

    class Both(NamedTuple):
        a: A
        b: B
        number: int = 3

    container = Container(
        provider(A, scope="app"), provider(B, scope="app"), provider(Both, scope="app")
    )
    async with container.open() as app:
        assert await app.get(Both) == (await app.get(A), await app.get(B), 3)


async def test_dataclass_fields_inherited_from_a_module_with_deferred_annotations():
    """Inherited fields are read with the names of the module that declares them."""
    container = Container(
        provider(deferred_local.Derived, scope="app"),
        provider(deferred_base.Clock, scope="app"),
        provider(deferred_local.Session, scope="app"),
    )
    derived = await made(container, deferred_local.Derived)
    assert type(derived.clock) is deferred_base.Clock
    assert type(derived.session) is deferred_local.Session
    assert derived.cache is None
    assert derived.seen == []


async def test_inherited_init():
    """A class without an `__init__` of its own is made with its base's."""

    class Base:
        def __init__(self, a: A) -> None:
            self.a = a

    class Derived(Base):
        pass

    container = Container(provider(A, scope="app"), provider(Derived, scope="app"))
    assert isinstance((await made(container, Derived)).a, A)


async def test_class_made_by_new():
    """A class with `__new__` alone gets what that asks for."""

    class Made:
        a: A

        def __new__(cls, a: A) -> Self:
            self = super().__new__(cls)
            self.a = a
            return self

    container = Container(provider(A, scope="app"), provider(Made, scope="app"))
    assert isinstance((await made(container, Made)).a, A)


async def test_local_classes_under_deferred_annotations():
    """Annotations that are strings may name classes of the function around."""
    container, engine, service = deferred_local.local_container()
    async with container.open() as app:
        made = await app.get(service)
        assert made.engine is await app.get(engine)
        assert made.label == "none"


async def test_names_that_are_defined_further_down():
    """Annotations are read when the container is built, so they may name what comes later."""
    container = Container(deferred_local.NeedsLater, provider(deferred_local.Later, scope="app"))
    assert type((await made(container, deferred_local.NeedsLater)).later) is deferred_local.Later


async def test_deferred_alias_with_a_name():
    """An alias of `Annotated[T, Named(...)]` works under deferred annotations."""
    container = Container(deferred_local.replica)
    form = Annotated[deferred_local.Session, Named("replica")]
    assert type(await made(container, form)) is deferred_local.Session


async def test_string_annotations():
    """Single annotations may be strings, whole or in part."""

    @provider(scope="app")
    async def make(a: "A", others: "list[B] | None" = None) -> AsyncIterator["list[A]"]:
        yield [a]

    container = Container(make, provider(A, scope="app"))
    async with container.open() as app:
        assert await app.get(list[A]) == [await app.get(A)]


async def test_library_that_imports_for_type_checkers_only() -> None:
    """httpx reads `ssl` so: a parameter with a default keeps it, as nobody else can mend it."""
    client = await made(
        Container(provider(httpx.AsyncClient, scope="app", enter=True)), httpx.AsyncClient
    )
    assert client.is_closed


def test_name_that_only_type_checkers_see():
    """A name that is imported under TYPE_CHECKING alone is an error that says so."""

    @provider(scope="app")
    def make(a: "OnlyForTypeCheckers") -> A:  # noqa: F821
        raise AssertionError

    with pytest.raises(UnresolvableAnnotationError, match="TYPE_CHECKING") as caught:
        Container(make)
    assert caught.value.annotation == "OnlyForTypeCheckers"
    assert caught.value.parameter == "a"


async def test_ones_own_awaitable_is_passed_on_as_it_is():
    """What a plain function returns is never awaited, whatever it is."""

    class Job:
        def __await__(self) -> Any:
            raise AssertionError

    @provider(scope="app")
    def job() -> Job:
        return Job()

    assert isinstance(await made(Container(job), Job), Job)


PEP_695 = """
type Name = str
type Pair[T] = tuple[T, T]

class Repo[T]:
    pass

class User:
    def __init__(self, repo: Repo[int], name: Name) -> None:
        self.got = (repo, name)

def make_repo[T: int](item: T | None = None) -> Repo[int]:
    return Repo()

def local():
    class Inner:
        pass

    class Outer[T]:
        def __init__(self, inner: Inner, other: T | None = None) -> None:
            self.inner = inner

    return Inner, Outer
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695")
@pytest.mark.parametrize("deferred", [False, True])
async def test_type_parameter_syntax(deferred):
    """Classes, functions and aliases in PEP 695 syntax can be provided and asked for."""
    prefix = "from __future__ import annotations\n" if deferred else ""
    names: dict[str, Any] = {"__name__": __name__}
    exec(prefix + PEP_695, names)
    container = Container(
        provider(names["make_repo"], scope="app"),
        provider(names["User"], scope="app"),
        values={names["Name"]: "x"},
    )
    repo, name = (await made(container, names["User"])).got
    assert type(repo) is names["Repo"]
    assert name == "x"
    async with container.open() as app:
        assert await app.get(names["Repo"][int]) is not repo


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695")
async def test_local_class_with_type_parameters():
    """A local class in PEP 695 syntax sees the classes around it."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(PEP_695, names)
    inner, outer = names["local"]()
    container = Container(provider(inner, scope="app"), provider(outer, scope="app"))
    assert type((await made(container, outer)).inner) is inner
