"""Group D, first half: the order of releases, and releases that fail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.conformance.harness import (
    Broken,
    Log,
    all_done,
    case,
    caught,
    chain,
    ended,
    logged_errors,
    start,
    text_of,
)
from benchmarks.conformance.protocol import Lifetime, Peer, Scope, provide
from benchmarks.conformance.things import (
    A,
    B,
    C,
    D,
    Gate,
    abc,
    failing,
    failing_first,
    resource_a,
    resource_b,
    resource_c,
    resource_d,
)

ALL = ["C", "B", "A"]


async def _use_c(peer: Peer, log: Log, lifetime: Lifetime, step: Any = None) -> None:
    """Ask for C, which needs B, which needs A; then close everything."""
    sources = abc(log, lifetime, step) if step else abc(log, lifetime)
    async with peer.open(*sources) as app:
        if lifetime == "app":
            await app.get(C)
        else:
            await app.request(lambda scope: scope.get(C), C)


@case
async def order_in_request(peer: Peer, log: Log) -> None:
    """D01 request: What depends on something is released before it, in a request."""
    await _use_c(peer, log, "request")
    assert log.only("released ") == ALL, log.events


@case
async def order_in_app(peer: Peer, log: Log) -> None:
    """D01 app: What depends on something is released before it, in the app."""
    await _use_c(peer, log, "app")
    assert log.only("released ") == ALL, log.events


@case
async def order_of_asking(peer: Peer, log: Log) -> None:
    """D02: Dependents are released first, too, where what they need was asked for on its own."""

    async def body(scope: Scope) -> None:
        await scope.get(A)
        await scope.get(C)
        await scope.get(B)

    async with peer.open(*abc(log)) as app:
        await app.request(body, A, C, B)
    assert log.only("released ") == ALL, log.events


@case
async def order_after_concurrent_asking(peer: Peer, log: Log) -> None:
    """D03: Siblings asked for at once are released one by one, before what they need."""

    async def body(scope: Scope) -> None:
        await scope.get(A)
        await all_done(scope.get(B), scope.get(D))

    async with peer.open(resource_a(log), resource_b(log), resource_d(log)) as app:
        await app.request(body, A, B, D)
    assert log.events[-1] == "released A", log.events
    releases = log.events[3:]
    assert [e.split()[1] for e in releases[::2]] == [e.split()[1] for e in releases[1::2]]


@case
async def one_release_fails(peer: Peer, log: Log) -> None:
    """D04: One release raises: all others run, the caller gets the error (or a group)."""
    error = Broken()
    out = await caught(_use_c(peer, log, "request", failing({"release B": error})))
    assert sorted(log.only("release ")) == sorted(ALL), log.events
    assert error in chain(out), f"the caller gets {out!r}"


@case
async def two_releases_fail(peer: Peer, log: Log) -> None:
    """D05 request: Two releases of a request raise: all others run, the caller gets both."""
    first, second = Broken("C"), Broken("A")
    step = failing({"release C": first, "release A": second})
    out = await caught(_use_c(peer, log, "request", step))
    assert sorted(log.only("release ")) == sorted(ALL), log.events
    assert first in chain(out), f"the caller gets {out!r}"
    assert second in chain(out), f"the caller gets {out!r}"


@case
async def two_releases_of_the_app_fail(peer: Peer, log: Log) -> None:
    """D05 app: Two releases of the app raise: all others run, the caller gets both."""
    first, second = Broken("C"), Broken("A")
    step = failing({"release C": first, "release A": second})
    out = await caught(_use_c(peer, log, "app", step))
    assert sorted(log.only("release ")) == sorted(ALL), log.events
    assert first in chain(out), f"the caller gets {out!r}"
    assert second in chain(out), f"the caller gets {out!r}"


async def _body_and_release_fail(peer: Peer, log: Log) -> tuple[Any, Any, Any, list[Any]]:
    in_body, in_release = Broken("body"), KeyError("release")

    async def body(scope: Scope) -> None:
        await scope.get(C)
        raise in_body

    with logged_errors() as logged:
        async with peer.open(*abc(log, "request", failing({"release B": in_release}))) as app:
            out = await caught(app.request(body, C))
    return in_body, in_release, out, logged


@case
async def body_and_release_fail(peer: Peer, log: Log) -> None:
    """D06 both: Body and release raise: both can be found (in the error, a note, the log)."""
    in_body, in_release, out, logged = await _body_and_release_fail(peer, log)
    assert sorted(log.only("release ")) == sorted(ALL), log.events
    reachable = [*chain(out), *logged]
    assert in_body in reachable, f"the body's error is lost; the caller gets {out!r}"
    assert in_release in reachable or "KeyError" in text_of(out), "the release's error is lost"


@case
async def body_error_is_not_replaced(peer: Peer, log: Log) -> None:
    """D06 first: Body and release raise: the caller catches the body's own error."""
    in_body, _, out, _ = await _body_and_release_fail(peer, log)
    assert out is in_body, f"the caller gets {out!r}"


class Stop(BaseException):
    """No Exception, like KeyboardInterrupt."""


@case
async def base_exception(peer: Peer, log: Log) -> None:
    """D07 request: A release of a request raises a BaseException: others run, then it goes on."""
    error = Stop()
    out = await caught(_use_c(peer, log, "request", failing_first(error)))
    assert len(log.only("released ")) == 2, log.events
    assert error in chain(out), f"the caller gets {out!r}"


@case
async def base_exception_in_app(peer: Peer, log: Log) -> None:
    """D07 app: A release of the app raises a BaseException: others run, then it goes on."""
    error = Stop()
    out = await caught(_use_c(peer, log, "app", failing_first(error)))
    assert len(log.only("released ")) == 2, log.events
    assert error in chain(out), f"the caller gets {out!r}"


@case
async def second_yield(peer: Peer, log: Log) -> None:
    """D11: A second yield is an error (raised or logged), and the rest is released."""

    async def twice(a: A) -> AsyncIterator[B]:
        yield B(a)
        yield B(a)

    with logged_errors() as logged:
        async with peer.open(resource_a(log), provide(twice, "request")) as app:
            out = await caught(app.request(lambda scope: scope.get(B), B))
    assert log.events[-1] == "released A", log.events
    assert out is not None or logged, "nobody is told"


@case
async def no_yield(peer: Peer, log: Log) -> None:
    """D12: A generator that ends without a yield is an error; the rest is released."""

    async def never(a: A) -> AsyncIterator[B]:
        if log.events == []:
            yield B(a)

    async with peer.open(resource_a(log), provide(never, "request")) as app:
        out = await caught(app.request(lambda scope: scope.get(B), B))
    assert out is not None, "the caller gets something"
    assert log.events[-1] == "released A", log.events


@case
async def half_way(peer: Peer, log: Log) -> None:
    """D13: B cannot be made while A is held: A is released, the caller gets B's error."""
    error = Broken()
    step = failing({"acquire B": error})
    async with peer.open(*abc(log, "request", step)) as app:
        out = await caught(app.request(lambda scope: scope.get(C), C))
    assert error in chain(out), f"the caller gets {out!r}"
    assert log.events == ["acquired A", "release A", "released A"], log.events


@case
async def close_twice(peer: Peer, log: Log) -> None:
    """D14 twice: Closing the app a second time does nothing."""
    async with peer.open(resource_a(log, "app")) as app:
        await app.get(A)
        await app.close()
        await app.close()
    assert log.count("released A") == 1


@case
async def close_at_once(peer: Peer, log: Log) -> None:
    """D14 at once: Two that close the app at the same time both wait for one release."""
    gate = Gate("release A")
    async with peer.open(resource_a(log, "app", gate)) as app:
        await app.get(A)

        async def close(name: str) -> None:
            await app.close()
            log(f"{name} done")

        first = start(close("first"))
        await gate.reached.wait()
        second = start(close("second"))
        await asyncio.sleep(0.05)
        assert log.events == ["acquired A", "release A"], log.events
        gate.opened.set()
        for task in (first, second):
            assert await ended(task) is None, repr(await ended(task))
    assert log.count("released A") == 1


@case
async def never_asked_for(peer: Peer, log: Log) -> None:
    """D15: What nobody asks for is neither made nor released."""
    async with peer.open(resource_a(log), resource_b(log), resource_c(log)) as app:
        await app.request(lambda scope: scope.get(B), B)
    assert log.only("acquired ") == ["A", "B"]
    assert sorted(log.only("released ")) == ["A", "B"]
