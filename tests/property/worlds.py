"""One run of a scenario: providers that log what happens to them, and the fault."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from lifescope import provider
from property.graphs import AWAITS, LARGEST, Fault, Kind, Node


class Broken(Exception):
    """The fault."""


class Fatal(BaseException):
    """The fault, where it is worse."""


class Thing:
    """What every provider gives: it knows its provider, the open scope, and what it needs."""

    def __init__(self, node: Node, serial: int, needs: Sequence["Thing"], scope: str) -> None:
        self.node, self.serial, self.needs, self.scope = node, serial, tuple(needs), scope

    def __repr__(self) -> str:
        return f"T{self.node.number}#{self.serial}"


KEYS: list[type[Thing]] = [type(f"T{number}", (Thing,), {}) for number in range(LARGEST)]


@dataclass(frozen=True)
class Event:
    """One line of the log: about a thing, or about an open scope."""

    what: str
    scope: str
    thing: Thing | None = None
    error: BaseException | None = None
    task: int = 0

    def __str__(self) -> str:
        return f"{self.what} {self.thing or ''} [{self.scope}] {self.error!r}"


@dataclass
class World:
    """The log, which only grows, and the fault that is still to come."""

    fault: Fault | None = None
    harm: Callable[[], Any] = lambda: None
    hang: Callable[[], Any] = lambda: None
    has_struck: bool = False
    log: list[Event] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)  # scope to the label of the open one
    _passed: Counter[Any] = field(default_factory=Counter)

    def write(
        self, what: str, thing: Thing | None, error: BaseException | None = None, scope: str = ""
    ) -> None:
        scope = thing.scope if thing is not None else scope
        self.log.append(Event(what, scope, thing, error, anyio.get_current_task().id))

    def _is_here(self, at: int | str, phase: str) -> bool:
        fault = self.fault
        if fault is None or self.has_struck or (fault.at, fault.phase) != (at, phase):
            return False
        self._passed[at, phase] += 1
        self.has_struck = self._passed[at, phase] == fault.k + 1
        return self.has_struck

    def line(self, at: int | str, phase: str) -> None:
        """A line of a sync provider, where the fault may strike."""
        if self._is_here(at, phase):
            self.harm()

    async def point(self, at: int | str, phase: str) -> None:
        """An await, where the fault may strike."""
        if self._is_here(at, phase):
            await checkpoint()
            self.harm()
            await self.hang()
        await checkpoint()

    # --- what providers do -----------------------------------------------------------------

    def begin(self, node: Node, needs: Sequence[Thing]) -> Thing:
        scope = self.open.get(node.scope, node.scope)
        thing = KEYS[node.number](node, len(self.log), needs, scope)
        self.write("begin", thing)
        return thing

    @contextmanager
    def acquiring(self, node: Node, needs: Sequence[Thing]) -> Iterator[Thing]:
        thing = self.begin(node, needs)
        try:
            yield thing
        except BaseException as error:
            self.write("failed", thing, error)
            raise
        self.write("acquired", thing)

    @contextmanager
    def releasing(self, thing: Thing, outcome: BaseException | None) -> Iterator[None]:
        self.write("releasing", thing, outcome)
        try:
            yield
        except BaseException as error:
            self.write("broke", thing, error)
            raise
        self.write("released", thing)
        if outcome is not None and not thing.node.swallows:
            raise outcome

    async def enter(self, node: Node, needs: Sequence[Thing]) -> Thing:
        with self.acquiring(node, needs) as thing:
            for _ in range(AWAITS):
                await self.point(node.number, "acquire")
        return thing

    async def leave(self, thing: Thing, outcome: BaseException | None) -> None:
        with self.releasing(thing, outcome):
            for _ in range(AWAITS):
                await self.point(thing.node.number, "release")

    def enter_now(self, node: Node, needs: Sequence[Thing]) -> Thing:
        with self.acquiring(node, needs) as thing:
            self.line(node.number, "acquire")
        return thing

    def leave_now(self, thing: Thing, outcome: BaseException | None) -> None:
        with self.releasing(thing, outcome):
            self.line(thing.node.number, "release")


def _function(world: World, node: Node) -> Any:
    def function(*needs: Thing) -> Thing:
        return world.enter_now(node, needs)

    return function


def _coroutine(world: World, node: Node) -> Any:
    async def coroutine(*needs: Thing) -> Thing:
        return await world.enter(node, needs)

    return coroutine


def _generator(world: World, node: Node) -> Any:
    def generator(*needs: Thing) -> Iterator[Thing]:
        thing = world.enter_now(node, needs)
        outcome = None
        try:
            yield thing
        except BaseException as error:
            outcome = error
        world.leave_now(thing, outcome)

    return generator


def _async_generator(world: World, node: Node) -> Any:
    async def async_generator(*needs: Thing) -> AsyncIterator[Thing]:
        thing = await world.enter(node, needs)
        outcome = None
        try:
            yield thing
        except BaseException as error:
            outcome = error
        await world.leave(thing, outcome)

    return async_generator


def _decorated(world: World, node: Node) -> Any:
    return asynccontextmanager(_async_generator(world, node))


def _manager(world: World, node: Node) -> Any:
    class Manager:
        def __init__(self, *needs: Thing) -> None:
            self.needs = needs

        def __enter__(self) -> Thing:
            self.thing = world.enter_now(node, self.needs)
            return self.thing

        def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
            world.leave_now(self.thing, error)
            return node.swallows

    return Manager


def _async_manager(world: World, node: Node) -> Any:
    class AsyncManager:
        def __init__(self, *needs: Thing) -> None:
            self.needs = needs

        async def __aenter__(self) -> Thing:
            self.thing = await world.enter(node, self.needs)
            return self.thing

        async def __aexit__(self, _: object, error: BaseException | None, __: object) -> bool:
            await world.leave(self.thing, error)
            return node.swallows

    return AsyncManager


_WRITERS = {
    Kind.FUNCTION: _function,
    Kind.COROUTINE: _coroutine,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
    Kind.MANAGER: _manager,
    Kind.ASYNC_MANAGER: _async_manager,
    Kind.DECORATED: _decorated,
}


def provider_of(world: World, node: Node) -> Any:
    """A provider as *node* says, with a parameter for each of its needs."""
    target = _WRITERS[node.kind](world, node)
    target.__signature__ = Signature(
        [
            Parameter(f"t{number}", Parameter.POSITIONAL_OR_KEYWORD, annotation=KEYS[number])
            for number in node.needs
        ]
    )
    is_class = node.kind in (Kind.MANAGER, Kind.ASYNC_MANAGER)
    return provider(
        target,
        scope=node.scope,
        provides=KEYS[node.number],
        enter=True if is_class else None,
    )
