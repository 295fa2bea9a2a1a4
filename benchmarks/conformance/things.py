"""The classes that cases declare providers for, and resources that log what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from benchmarks.conformance.harness import Log
from benchmarks.conformance.protocol import Declaration, Lifetime, provide


class A:
    """Needs nothing."""


class B:
    """Needs an A."""

    def __init__(self, a: A) -> None:
        self.a = a


class C:
    """Needs a B."""

    def __init__(self, b: B) -> None:
        self.b = b


class D:
    """Needs an A, like B."""

    def __init__(self, a: A) -> None:
        self.a = a


class Top:
    """Needs B and D: with A, a diamond."""

    def __init__(self, b: B, d: D) -> None:
        self.b = b
        self.d = d


class Pair:
    """Needs two A."""

    def __init__(self, first: A, second: A) -> None:
        self.first = first
        self.second = second


Step = Callable[[str], Awaitable[None]]


async def one_turn(step: str) -> None:
    """What a resource does at each step unless told otherwise: give way once."""
    await asyncio.sleep(0)


def resource_a(log: Log, scope: Lifetime = "request", step: Step = one_turn) -> Declaration:
    """An A that logs "acquired A", "release A" and "released A"; `step` runs in between."""

    async def make_a() -> AsyncIterator[A]:
        await step("acquire A")
        log("acquired A")
        try:
            yield A()
        finally:
            log("release A")
            await step("release A")
            log("released A")

    return provide(make_a, scope)


def resource_b(log: Log, scope: Lifetime = "request", step: Step = one_turn) -> Declaration:
    """The same for B."""

    async def make_b(a: A) -> AsyncIterator[B]:
        await step("acquire B")
        log("acquired B")
        try:
            yield B(a)
        finally:
            log("release B")
            await step("release B")
            log("released B")

    return provide(make_b, scope)


def resource_c(log: Log, scope: Lifetime = "request", step: Step = one_turn) -> Declaration:
    """The same for C."""

    async def make_c(b: B) -> AsyncIterator[C]:
        await step("acquire C")
        log("acquired C")
        try:
            yield C(b)
        finally:
            log("release C")
            await step("release C")
            log("released C")

    return provide(make_c, scope)


def resource_d(log: Log, scope: Lifetime = "request", step: Step = one_turn) -> Declaration:
    """The same for D, which needs A as B does."""

    async def make_d(a: A) -> AsyncIterator[D]:
        await step("acquire D")
        log("acquired D")
        try:
            yield D(a)
        finally:
            log("release D")
            await step("release D")
            log("released D")

    return provide(make_d, scope)


def abc(log: Log, scope: Lifetime = "request", step: Step = one_turn) -> list[Declaration]:
    """A, B that needs A, and C that needs B."""
    return [resource(log, scope, step) for resource in (resource_a, resource_b, resource_c)]


def failing(errors: dict[str, BaseException]) -> Step:
    """A step that raises: "release B" to what the release of B raises."""

    async def step(name: str) -> None:
        await asyncio.sleep(0)
        if name in errors:
            raise errors[name]

    return step


def failing_first(error: BaseException) -> Step:
    """A step that raises in the release that comes first, whichever that is."""
    left = [error]

    async def step(name: str) -> None:
        await asyncio.sleep(0)
        if name.startswith("release") and left:
            raise left.pop()

    return step


class Gate:
    """A step that stops at one place until it is opened."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, step: str) -> None:
        await asyncio.sleep(0)
        if step == self.place:
            self.reached.set()
            await self.opened.wait()
