"""Group F: many at the same time."""

import asyncio
from collections.abc import AsyncIterator
from time import perf_counter

from benchmarks.conformance.harness import (
    Broken,
    Log,
    all_done,
    all_of,
    case,
    caught,
    ended,
    names,
    soon,
    start,
    stop,
    text_of,
    turns,
)
from benchmarks.conformance.protocol import Declaration, Lifetime, Peer, Scope, provide
from benchmarks.conformance.things import A, B, C, D, Gate, Top, failing, resource_a, resource_b


@case
async def hundred_ask_the_app(peer: Peer, log: Log) -> None:
    """F01: 100 tasks ask for one app-scoped object: it is made once."""
    async with peer.open(resource_a(log, "app")) as app:
        seen = await all_done(*(app.get(A) for _ in range(100)))
    assert len({id(a) for a in seen}) == 1, f"{len({id(a) for a in seen})} objects"
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def fifty_ask_a_request(peer: Peer, log: Log) -> None:
    """F02: 50 tasks of one request ask for one object: it is made once."""

    async def body(scope: Scope) -> None:
        seen = await all_done(*(scope.get(A) for _ in range(50)))
        assert len({id(a) for a in seen}) == 1, f"{len({id(a) for a in seen})} objects"

    async with peer.open(resource_a(log)) as app:
        await app.request(body, A)
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def thousand_requests(peer: Peer, log: Log) -> None:
    """F03: 1,000 requests at once have 1,000 objects, each released once."""
    together = asyncio.Event()
    seen: list[A] = []

    async def body(scope: Scope) -> None:
        seen.append(await scope.get(A))
        if len(seen) == 1000:
            together.set()
        await together.wait()

    async with peer.open(resource_a(log)) as app:
        await all_done(*(app.request(body, A) for _ in range(1000)))
    assert len({id(a) for a in seen}) == 1000
    assert log.count("acquired A") == log.count("released A") == 1000


async def _slow(step: str) -> None:
    if step in ("acquire B", "acquire D"):
        await asyncio.sleep(0.2)


@case
async def asked_side_by_side(peer: Peer, log: Log) -> None:
    """F04 asked: Two slow app-scoped objects that two tasks ask for are made side by side."""
    a, b, d = provide(A, "app"), resource_b(log, "app", _slow), _slow_d()
    async with peer.open(a, b, d) as app:
        await app.get(A)
        began = perf_counter()
        await all_done(app.get(B), app.get(D))
        assert perf_counter() - began < 0.35, "one after the other"


@case
async def needed_side_by_side(peer: Peer, log: Log) -> None:
    """F04 needed: Two slow app-scoped objects that a third one needs are made side by side."""
    a, b, d = provide(A, "app"), resource_b(log, "app", _slow), _slow_d()
    async with peer.open(a, b, d, provide(Top, "app")) as app:
        began = perf_counter()
        await app.get(Top)
        assert perf_counter() - began < 0.35, "one after the other"


def _slow_d() -> Declaration:
    async def make(a: A) -> D:
        await _slow("acquire D")
        return D(a)

    return provide(make, "app")


async def _asks_while_made(peer: Peer, log: Log, lifetime: Lifetime) -> None:
    resolver = peer.resolver(lifetime)

    async def make(own: resolver) -> AsyncIterator[B]:  # type: ignore[valid-type]
        yield B(await peer.ask(own, A))
        log("released B")

    sources = (resource_a(log, lifetime), provide(make, lifetime))
    async with peer.open(*sources) as app:

        async def body(scope: Scope) -> None:
            assert (await scope.get(B)).a is await scope.get(A)

        await app.request(body, B, A)
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def asks_while_made(peer: Peer, log: Log) -> None:
    """F05 request: A request-scoped provider asks the container for more while it is made."""
    await _asks_while_made(peer, log, "request")


@case
async def asks_while_made_in_app(peer: Peer, log: Log) -> None:
    """F05 app: An app-scoped provider asks the container for more while it is made."""
    await _asks_while_made(peer, log, "app")


@case
async def asked_for_is_released_later(peer: Peer, log: Log) -> None:
    """F05 order: What a provider asked for while it was made is released after it."""
    resolver = peer.resolver("request")

    async def make(own: resolver) -> AsyncIterator[B]:  # type: ignore[valid-type]
        yield B(await peer.ask(own, A))
        log("released B")

    async with peer.open(resource_a(log), provide(make, "request")) as app:
        await app.request(lambda scope: scope.get(B), B)
    assert log.events == ["acquired A", "released B", "release A", "released A"], log.events


@case
async def wait_cycle(peer: Peer, log: Log) -> None:
    """F07: Two providers ask for each other while they are made: an error names them."""
    resolver = peer.resolver("request")

    async def chicken(own: resolver) -> C:  # type: ignore[valid-type]
        await peer.ask(own, D)
        raise AssertionError

    async def egg(own: resolver) -> D:  # type: ignore[valid-type]
        await peer.ask(own, C)
        raise AssertionError

    async with peer.open(provide(chicken, "request"), provide(egg, "request")) as app:
        out = await caught(app.request(lambda scope: scope.get(C), C))
    assert not isinstance(out, RecursionError), "RecursionError"
    text = text_of(out)
    assert names(out, C, D) or ("chicken" in text and "egg" in text), text


@case
async def ready_while_another_is_made(peer: Peer, log: Log) -> None:
    """F08: While one app-scoped object is made, another that is ready is given at once."""
    gate = Gate("acquire B")
    async with peer.open(provide(A, "app"), resource_b(log, "app", gate)) as app:
        a = await app.get(A)
        slow = start(app.get(B))
        await soon(gate.reached, slow)
        asking = start(app.get(A))
        await asyncio.sleep(0.05)
        is_given = asking.done()
        gate.opened.set()
        assert await asking is a
        assert isinstance(await slow, B)
        assert is_given, "it waits for the other one"


@case
async def all_get_the_error(peer: Peer, log: Log) -> None:
    """F09: An app-scoped object fails: all who wait get the error; the next retries."""
    errors: dict[str, BaseException] = {"acquire A": Broken()}
    async with peer.open(resource_a(log, "app", failing(errors))) as app:
        out = await all_of(*(app.get(A) for _ in range(5)))
        assert all(isinstance(each, Broken) for each in out), out
        errors.clear()
        assert isinstance(await app.get(A), A)
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def asking_while_closing(peer: Peer, log: Log) -> None:
    """F10: Asked while the request closes: an object or an error; nothing unreleased."""
    gate = Gate("release C")

    async def make_c(b: B) -> AsyncIterator[C]:
        yield C(b)
        await gate("release C")

    opened: list[Scope] = []

    async def run() -> None:
        async with app.scope() as scope:
            opened.append(scope)
            await scope.get(C)

    sources = (resource_a(log), resource_b(log), _logged_d(log), provide(make_c, "request"))
    async with peer.open(*sources) as app:
        task = start(run())
        await soon(gate.reached, task)
        late = start(opened[0].get(D))
        await turns()
        gate.opened.set()
        await ended(task)
        await ended(late)
    assert log.count("acquired D") == log.count("released D"), log.events


def _logged_d(log: Log) -> Declaration:
    async def make(a: A) -> AsyncIterator[D]:
        log("acquired D")
        yield D(a)
        log("released D")

    return provide(make, "request")


@case
async def made_while_closing(peer: Peer, log: Log) -> None:
    """F11: Closed while something is still made: it is released before the close ends."""
    gate = Gate("acquire B")
    asking: list[asyncio.Task[B]] = []

    async def run() -> None:
        async with app.scope() as scope:
            asking.append(start(scope.get(B)))
            await soon(gate.reached, asking[0])
            asyncio.get_running_loop().call_later(0.05, gate.opened.set)
        log("closed")

    async with peer.open(resource_a(log), resource_b(log, "request", gate)) as app:
        await run()
        await asyncio.sleep(0.1)
        await stop(asking[0])
    assert sorted(log.only("acquired ")) == sorted(log.only("released ")), log.events
    assert log.events[-1] == "closed", log.events
