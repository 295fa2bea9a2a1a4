"""Group D, second half: a provider learns how its scope ended."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from benchmarks.conformance.harness import Broken, Log, case, caught, chain, logged_errors
from benchmarks.conformance.protocol import CannotExpressError, Declaration, Peer, Scope, provide
from benchmarks.conformance.things import A, B


def told(log: Log) -> Declaration:
    """An A that logs the outcome, thrown in or sent to its `yield` (the way of dishka)."""

    async def make() -> AsyncGenerator[A, BaseException | None]:
        try:
            sent = yield A()
        except BaseException as error:
            log(f"told {type(error).__name__}")
            raise
        log(f"told {type(sent).__name__}")

    make.__annotations__["return"] = AsyncIterator[A]
    return provide(make, "request")


def managed(log: Log) -> Declaration:
    """An A inside a transaction: `async with session.begin(): yield`."""

    class Transaction:
        async def __aenter__(self) -> None:
            log("begin")

        async def __aexit__(self, kind: object, *_: object) -> None:
            log("commit" if kind is None else "roll back")

    async def make() -> AsyncIterator[A]:
        async with Transaction():
            yield A()

    return provide(make, "request")


async def _fails(scope: Scope) -> None:
    await scope.get(A)
    raise Broken


@case
async def outcome(peer: Peer, log: Log) -> None:
    """D08 told: The body raises: a provider is told (thrown in, or as the value of yield)."""
    async with peer.open(told(log)) as app:
        assert isinstance(await caught(app.request(_fails, A)), Broken)
    assert log.events == ["told Broken"], log.events


@case
async def transaction(peer: Peer, log: Log) -> None:
    """D08 rollback: The body raises: `async with session.begin(): yield` rolls back."""
    async with peer.open(managed(log)) as app:
        assert isinstance(await caught(app.request(_fails, A)), Broken)
    assert log.events == ["begin", "roll back"], log.events


@case
async def committed(peer: Peer, log: Log) -> None:
    """D08 commit: The body succeeds: it commits."""
    async with peer.open(managed(log)) as app:
        await app.request(lambda scope: scope.get(A), A)
    assert log.events == ["begin", "commit"], log.events


def reacting(log: Log, react: Callable[[BaseException], None]) -> list[Declaration]:
    """`told`, and a B that needs it and reacts to the error that it sees."""

    async def make(a: A) -> AsyncGenerator[B, BaseException | None]:
        try:
            sent = yield B(a)
        except Broken as error:
            sent = error
        if sent is not None:
            log("reacts")
            react(sent)

    make.__annotations__["return"] = AsyncIterator[B]
    return [told(log), provide(make, "request")]


@case
async def swallowed(peer: Peer, log: Log) -> None:
    """D09: A provider swallows the error: the caller still gets it."""
    error = Broken()

    async def body(scope: Scope) -> None:
        await scope.get(B)
        raise error

    async with peer.open(*reacting(log, lambda error: None)) as app:
        out = await caught(app.request(body, B))
    assert out is error, f"the caller gets {out!r}"


@case
async def translated(peer: Peer, log: Log) -> None:
    """D10: A provider raises another error from it: both can be found, chained."""
    error = Broken()

    async def body(scope: Scope) -> None:
        await scope.get(B)
        raise error

    def react(error: BaseException) -> None:
        raise KeyError("translated") from error

    with logged_errors() as logged:
        async with peer.open(*reacting(log, react)) as app:
            out = await caught(app.request(body, B))
    if "reacts" not in log.events:
        raise CannotExpressError("its providers are not told, see D08")
    found = [*chain(out), *logged]
    assert error in found, f"the caller gets {out!r}"
    other = [each for each in found if isinstance(each, KeyError)]
    assert other, f"the provider's error is lost; the caller gets {out!r}"
    assert other[0].__cause__ is error
