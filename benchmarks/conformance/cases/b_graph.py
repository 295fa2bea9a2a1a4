"""Group B: what can be a provider, and what is passed to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, Protocol, TypeVar

from benchmarks.conformance.harness import Log, case, caught, refuses
from benchmarks.conformance.protocol import Peer, Scope, provide
from benchmarks.conformance.things import A, B, D

T = TypeVar("T")


async def _gives(peer: Peer, factory: Callable[..., Any], form: type, *more: Any) -> None:
    """The factory's object arrives."""

    async def body(scope: Scope) -> None:
        assert isinstance(await scope.get(form), form)

    async with peer.open(provide(factory, "request"), *more) as app:
        await app.request(body, form)


@case
async def plain_kinds(peer: Peer, log: Log) -> None:
    """B01 plain: A class, a function and a coroutine function are providers."""

    def function(a: A) -> B:
        return B(a)

    async def coroutine(a: A) -> D:
        return D(a)

    a = provide(A, "request")
    await _gives(peer, A, A)
    await _gives(peer, function, B, a)
    await _gives(peer, coroutine, D, a)


@case
async def generator_kinds(peer: Peer, log: Log) -> None:
    """B01 generators: A generator and an async generator are providers, and are released."""

    def generator(a: A) -> Iterator[B]:
        yield B(a)
        log("released B")

    async def async_generator(a: A) -> AsyncIterator[D]:
        yield D(a)
        log("released D")

    a = provide(A, "request")
    await _gives(peer, generator, B, a)
    await _gives(peer, async_generator, D, a)
    assert log.events == ["released B", "released D"]


@case
async def context_manager_functions(peer: Peer, log: Log) -> None:
    """B01 managers: @contextmanager and @asynccontextmanager functions are entered and left."""

    @contextmanager
    def manager(a: A) -> Iterator[B]:
        yield B(a)
        log("released B")

    @asynccontextmanager
    async def async_manager(a: A) -> AsyncIterator[D]:
        yield D(a)
        log("released D")

    a = provide(A, "request")
    await _gives(peer, manager, B, a)
    await _gives(peer, async_manager, D, a)
    assert log.events == ["released B", "released D"]


@case
async def duplicate(peer: Peer, log: Log) -> None:
    """B02: Two providers for one type are an error when the container is built."""

    def one() -> A:
        return A()

    def other() -> A:
        return A()

    error = await refuses(lambda: peer.open(provide(one, "request"), provide(other, "request")))
    assert error is not None, "built without an error"


class Several:
    """Gets all A; its annotation is the peer's."""

    def __init__(self, members: Any) -> None:
        self.members = list(members)


@case
async def collection(peer: Peer, log: Log) -> None:
    """B03: Several contributions to a collection arrive in registration order."""

    class One(A): ...

    class Two(A): ...

    def one() -> A:
        return One()

    def two() -> A:
        return Two()

    def several(members: peer.collection(A)) -> Several:  # type: ignore[valid-type]
        return Several(members)

    async def body(scope: Scope) -> None:
        members = (await scope.get(Several)).members
        assert [type(each).__name__ for each in members] == ["One", "Two"]

    members = [provide(each, "request", many=True) for each in (one, two)]
    async with peer.open(*members, provide(several, "request")) as app:
        await app.request(body, Several)


@case
async def names(peer: Peer, log: Log) -> None:
    """B06: Names "a" and "b" are different things; a plain key never stands in for one."""

    def one() -> A:
        return A()

    def other() -> A:
        return A()

    sources = (provide(one, "request", name="a"), provide(other, "request", name="b"))

    async def named(scope: Scope) -> None:
        a, b = await scope.get(A, "a"), await scope.get(A, "b")
        assert a is not b
        assert a is await scope.get(A, "a")

    async def plain(scope: Scope) -> None:
        await scope.get(A)

    async with peer.open(*sources) as app:
        await app.request(named, (A, "a"), (A, "b"))
        assert await caught(app.request(plain, A)) is not None, "a plain key got a named object"


class Repo(Generic[T]):
    """Has a type parameter."""


@case
async def open_generic(peer: Peer, log: Log) -> None:
    """B08: A provider of Repo[T] serves Repo[int] and Repo[str], which differ."""

    def repo() -> Repo[T]:
        return Repo()

    async def body(scope: Scope) -> None:
        assert await scope.get(Repo[int]) is not await scope.get(Repo[str])

    async with peer.open(provide(repo, "request")) as app:
        await app.request(body, Repo[int], Repo[str])


class Wants:
    """Can do without an A."""

    def __init__(self, a: A | None) -> None:
        self.a = a


class WantsOrDefault:
    """Has a default."""

    def __init__(self, size: int = 3) -> None:
        self.size = size


@case
async def optional(peer: Peer, log: Log) -> None:
    """B10: `X | None` is None where nothing provides X."""

    async def body(scope: Scope) -> None:
        assert (await scope.get(Wants)).a is None

    async with peer.open(provide(Wants, "request")) as app:
        await app.request(body, Wants)


@case
async def default(peer: Peer, log: Log) -> None:
    """B11: A parameter keeps its default where nothing provides its type."""

    async def body(scope: Scope) -> None:
        assert (await scope.get(WantsOrDefault)).size == 3

    async with peer.open(provide(WantsOrDefault, "request")) as app:
        await app.request(body, WantsOrDefault)


class Speaks(Protocol):
    """What Dog fits, without saying so."""

    def speak(self) -> str:
        """Say something."""


class Dog:
    """Happens to fit Speaks."""

    def speak(self) -> str:
        """Say something."""
        return "woof"


@case
async def protocol(peer: Peer, log: Log) -> None:
    """B12: A class that merely fits a Protocol is not used for it; one that says so is."""

    async def body(scope: Scope) -> None:
        assert (await scope.get(Speaks)).speak() == "woof"

    async with peer.open(provide(Dog, "request", provides=(Speaks,))) as app:
        await app.request(body, Speaks)
    async with peer.open(provide(Dog, "request")) as app:
        assert await caught(app.request(body, Speaks)) is not None, "used what merely fits"


@case
async def decorated(peer: Peer, log: Log) -> None:
    """B16: A provider wraps another one of its type, and is what the others get."""

    class Louder(A):
        def __init__(self, inner: A) -> None:
            self.inner = inner

    def louder(a: A) -> A:
        return Louder(a)

    async def body(scope: Scope) -> None:
        a = (await scope.get(B)).a
        assert isinstance(a, Louder)
        assert type(a.inner) is A

    sources = (
        provide(A, "request"),
        provide(louder, "request", decorates=True),
        provide(B, "request"),
    )
    async with peer.open(*sources) as app:
        await app.request(body, B)
