"""Group A: how long things live, and who shares them."""

from collections.abc import AsyncIterator
from typing import Self

from benchmarks.conformance.harness import Log, case
from benchmarks.conformance.protocol import Peer, Scope, Value, provide
from benchmarks.conformance.things import A, B, C, D, Pair, Top, resource_a, resource_b, resource_d


@case
async def transient(peer: Peer, log: Log) -> None:
    """A01: A transient wanted twice is two objects."""

    async def body(scope: Scope) -> None:
        pair = await scope.get(Pair)
        assert isinstance(pair.first, A)
        assert pair.first is not pair.second

    async with peer.open(provide(A, "transient"), provide(Pair, "request")) as app:
        await app.request(body, Pair)


@case
async def request_scoped(peer: Peer, log: Log) -> None:
    """A02: Request-scoped: the same object in one request, another in the next."""
    seen: list[A] = []

    async def body(scope: Scope) -> None:
        a = await scope.get(A)
        assert (await scope.get(B)).a is a
        assert await scope.get(A) is a
        seen.append(a)

    async with peer.open(provide(A, "request"), provide(B, "request")) as app:
        await app.request(body, A, B)
        await app.request(body, A, B)
    assert seen[0] is not seen[1]


@case
async def overlapping_requests(peer: Peer, log: Log) -> None:
    """A03: Closing the inner of two open requests releases only what is its own."""
    async with peer.open(resource_a(log)) as app:

        async def outer(scope: Scope) -> None:
            a = await scope.get(A)

            async def inner(other: Scope) -> None:
                assert await other.get(A) is not a

            await app.request(inner, A)
            assert log.events == ["acquired A"] * 2 + ["release A", "released A"]
            assert await scope.get(A) is a

        await app.request(outer, A)
    assert log.count("released A") == 2


@case
async def app_scoped(peer: Peer, log: Log) -> None:
    """A04: App-scoped: one object everywhere, which outlives requests; released at the end."""
    async with peer.open(resource_a(log, "app"), provide(B, "request")) as app:

        async def body(scope: Scope) -> A:
            return (await scope.get(B)).a  # type: ignore[no-any-return]

        one = await app.request(body, B)
        assert await app.request(body, B) is one
        assert await app.get(A) is one
        assert log.events == ["acquired A"]
    assert log.events == ["acquired A", "release A", "released A"]


class Ready:
    """Everything that could be mistaken for something to release."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def __enter__(self) -> Self:
        self.log("entered")
        return self

    def __exit__(self, *_: object) -> None:
        self.log("left")

    def close(self) -> None:
        """Must not be called."""
        self.log("closed")

    async def aclose(self) -> None:
        """Must not be called."""
        self.log("closed")


@case
async def ready_object(peer: Peer, log: Log) -> None:
    """A05: A ready-made object is given as it is, and never entered or released."""
    ready = Ready(log)

    async def body(scope: Scope) -> None:
        assert await scope.get(Ready) is ready

    async with peer.open(Value(Ready, ready)) as app:
        await app.request(body, Ready)
        await app.request(body, Ready)
    assert log.events == []


@case
async def app_level_resolver(peer: Peer, log: Log) -> None:
    """A06: An app-scoped provider first wanted in a request gets the app's resolver."""
    resolver = peer.resolver("app")
    kept: list[object] = []

    async def keep(own: resolver) -> C:  # type: ignore[valid-type]
        kept.append(own)
        return C(B(A()))

    sources = (provide(keep, "app"), provide(A, "app"), provide(D, "request"))
    async with peer.open(*sources) as app:

        async def body(scope: Scope) -> None:
            await scope.get(C)

        await app.request(body, C)
        assert await peer.ask(kept[0], A) is await app.get(A)
        try:
            await peer.ask(kept[0], D)
        except Exception:
            return
    raise AssertionError("the app's resolver gave something request-scoped")


class First:
    """One face of Both."""


class Second:
    """The other face of Both."""


class Both(First, Second):
    """Asked for by its faces only."""


@case
async def two_interfaces(peer: Peer, log: Log) -> None:
    """A07: One provider for two interfaces: one object, one release."""

    async def both() -> AsyncIterator[Both]:
        yield Both()
        log("released")

    async def body(scope: Scope) -> None:
        assert await scope.get(First) is await scope.get(Second)

    async with peer.open(provide(both, "request", provides=(First, Second))) as app:
        await app.request(body, First, Second)
    assert log.events == ["released"]


@case
async def diamond(peer: Peer, log: Log) -> None:
    """A09: What two others need is made once, and released once and last."""

    async def body(scope: Scope) -> None:
        top = await scope.get(Top)
        assert top.b.a is top.d.a

    sources = (resource_a(log), resource_b(log), resource_d(log), provide(Top, "request"))
    async with peer.open(*sources) as app:
        await app.request(body, Top)
    assert log.count("acquired A") == log.count("released A") == 1
    assert log.only("acquired ")[0] == "A"
    assert log.events[-1] == "released A"


@case
async def none_is_a_value(peer: Peer, log: Log) -> None:
    """A11: A provider that gives None is called once, and that is not "missing"."""

    def maybe() -> A | None:
        log("called")
        return None

    def first(a: A | None) -> B:
        assert a is None
        return B(A())

    def second(a: A | None) -> D:
        assert a is None
        return D(A())

    async def body(scope: Scope) -> None:
        await scope.get(B)
        await scope.get(D)

    sources = [provide(each, "request") for each in (maybe, first, second)]
    async with peer.open(*sources) as app:
        await app.request(body, B, D)
    assert log.events == ["called"]
