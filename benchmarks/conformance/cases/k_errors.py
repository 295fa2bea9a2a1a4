"""Group K: errors of the user's own."""

from benchmarks.conformance.harness import Broken, Log, case, caught
from benchmarks.conformance.protocol import Peer, Scope, provide
from benchmarks.conformance.things import A, B, C


@case
async def own_error(peer: Peer, log: Log) -> None:
    """K05: What a provider raises comes out as itself where it was asked for."""
    error = Broken()

    def b(a: A) -> B:
        raise error

    async def body(scope: Scope) -> None:
        await scope.get(C)

    sources = (provide(A, "request"), provide(b, "request"), provide(C, "request"))
    async with peer.open(*sources) as app:
        assert await caught(app.request(body, C)) is error
