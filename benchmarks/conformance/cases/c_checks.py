"""Group C: what is found before anything runs. A web start counts as before anything runs."""

from benchmarks.conformance import asgi
from benchmarks.conformance.harness import Log, case, caught, names, refuses, text_of
from benchmarks.conformance.protocol import Peer, provide
from benchmarks.conformance.things import A, B, C, D


@case
async def missing(peer: Peer, log: Log) -> None:
    """C01: A missing dependency is an error when built that names it and who wants it."""
    error = await refuses(lambda: peer.open(provide(B, "request")))
    assert error is not None, "built without an error"
    assert names(error, A, B), text_of(error)


class Missing1:
    """Nothing provides it."""


class Missing2:
    """Nothing provides it."""


class Missing3:
    """Nothing provides it."""


class Missing4:
    """Nothing provides it."""


class Missing5:
    """Nothing provides it."""


class Wants1:
    """Wants Missing1."""

    def __init__(self, it: Missing1) -> None: ...


class Wants2:
    """Wants Missing2."""

    def __init__(self, it: Missing2) -> None: ...


class Wants3:
    """Wants Missing3."""

    def __init__(self, it: Missing3) -> None: ...


class Wants4:
    """Wants Missing4."""

    def __init__(self, it: Missing4) -> None: ...


class Wants5:
    """Wants Missing5."""

    def __init__(self, it: Missing5) -> None: ...


@case
async def five_mistakes(peer: Peer, log: Log) -> None:
    """C03: Five unrelated mistakes are in one report."""
    wants = (Wants1, Wants2, Wants3, Wants4, Wants5)
    error = await refuses(lambda: peer.open(*(provide(each, "request") for each in wants)))
    assert error is not None, "built without an error"
    named = [n for n in range(1, 6) if f"Missing{n}" in text_of(error)]
    assert len(named) == 5, f"the error names {len(named)} of 5"


@case
async def captive(peer: Peer, log: Log) -> None:
    """C04: An app-scoped provider that needs a request-scoped one is an error when built."""
    error = await refuses(lambda: peer.open(provide(A, "request"), provide(B, "app")))
    assert error is not None, "built without an error"
    assert names(error, B), text_of(error)


@case
async def captive_through_transient(peer: Peer, log: Log) -> None:
    """C05: It is one, too, with a transient in between."""
    sources = (provide(A, "request"), provide(B, "transient"), provide(C, "app"))
    error = await refuses(lambda: peer.open(*sources))
    assert error is not None, "built without an error"


class Chicken:
    """Needs an Egg."""

    def __init__(self, egg: "Egg") -> None: ...


class Egg:
    """Needs a Chicken."""

    def __init__(self, chicken: Chicken) -> None: ...


Chicken.__init__.__annotations__["egg"] = Egg


@case
async def asked_of_the_app(peer: Peer, log: Log) -> None:
    """C09: Something request-scoped cannot be had from the app."""
    async with peer.open(provide(A, "request")) as app:
        assert await caught(app.get(A)) is not None, "the app gives one"


@case
async def cycle(peer: Peer, log: Log) -> None:
    """C11: Two providers that need each other are an error when built that names both."""
    error = await refuses(lambda: peer.open(provide(Chicken, "request"), provide(Egg, "request")))
    assert error is not None, "built without an error"
    assert names(error, Chicken, Egg), text_of(error)


@case
async def runs_nothing(peer: Peer, log: Log) -> None:
    """C15: Building the container calls nothing of the user's."""

    def a() -> A:
        log("called")
        return A()

    def b(a: A) -> B:
        log("called")
        return B(a)

    async with peer.open(provide(a, "request"), provide(b, "request")):
        pass
    assert log.events == []


@case
async def route(peer: Peer, log: Log) -> None:
    """C16: A route that wants what nothing provides is found at set-up or start."""

    async def handler(value: D) -> None: ...

    async def run() -> None:
        async with asgi.running(peer.web(handler, D, provide(A, "request"))):
            pass

    assert await caught(run()) is not None, "started without an error"
