"""Random graphs, used by several tasks at once, with one fault anywhere: what is promised holds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
import trio
from hypothesis import given, seed, settings
from trio.testing import MockClock

from lifescope import Container, OpenScope, ScopeClosedError
from property.graphs import APP, CALL, PHASES, REQUEST, SCOPES, Harm, Scenario, Step, scenarios
from property.promises import Witness, tells_of
from property.worlds import KEYS, Broken, Fatal, World, provider_of
from virtual_time import VirtualLoop

MARKER = "the fault"
ROUNDS = 2


class Run:
    """One scenario, run on one event loop."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.world = World(scenario.fault, self.harm, self.hang)
        self.container = Container([provider_of(self.world, node) for node in scenario.nodes])
        self.scopes: list[OpenScope] = []
        self.caught: list[BaseException] = []
        self.was_cancelled = False
        self.askers: list[anyio.CancelScope] = []

    # --- the fault ------------------------------------------------------------------------

    @property
    def harm_kind(self) -> Harm | None:
        return self.scenario.fault.harm if self.scenario.fault else None

    def harm(self) -> None:
        if self.harm_kind is Harm.ERROR:
            raise Broken(MARKER)
        if self.harm_kind is Harm.FATAL:
            raise Fatal(MARKER)
        if self.harm_kind is Harm.CANCEL:
            self.around.cancel()
        elif self.harm_kind is Harm.CANCEL_REQUEST:
            self.around_request.cancel()
        elif self.harm_kind is Harm.CANCEL_TASK:
            self.cancel_task()
        elif self.harm_kind is Harm.CANCEL_ASKER:
            for asker in self.askers[:1]:
                asker.cancel()
        elif self.harm_kind is Harm.HANG_STEP:
            self.around_step.cancel()

    async def hang(self) -> None:
        if self.harm_kind is Harm.HANG:
            self.reached.set()
        if self.harm_kind is Harm.HANG or (self.harm_kind is Harm.HANG_STEP and self.askers):
            await anyio.sleep_forever()

    async def rescue(self) -> None:
        """Cancel what hangs, from outside, once nothing else moves."""
        await self.reached.wait()
        await anyio.wait_all_tasks_blocked()
        self.around.cancel()

    # --- the scopes -----------------------------------------------------------------------

    async def main(self) -> None:
        before = living_tasks()
        self.reached = anyio.Event()
        self.around, self.around_request = anyio.CancelScope(), anyio.CancelScope()
        self.around_step = anyio.CancelScope()
        with anyio.fail_after(10_000):
            async with anyio.create_task_group() as group:
                group.start_soon(self.rescue)
                if self.harm_kind is Harm.CANCEL_TASK and self.scenario.backend == "asyncio":
                    await self.live_in_a_task()
                else:
                    self.cancel_task = self.around.cancel
                    with self.around:
                        await self.noting(self.live)
                        await anyio.lowlevel.checkpoint()
                    self.was_cancelled = self.around.cancelled_caught
                group.cancel_scope.cancel()
        await self.check_closed()
        await anyio.wait_all_tasks_blocked()
        assert living_tasks() == before, "a task is left"

    async def live_in_a_task(self) -> None:
        task = asyncio.create_task(self.noting(self.live))
        self.cancel_task: Callable[[], Any] = task.cancel
        await asyncio.wait([task])
        self.was_cancelled = task.cancelled()

    async def noting(self, block: Callable[[], Awaitable[None]]) -> None:
        """Note the error that comes out of *block*; cancellations go on."""
        try:
            await block()
        except BaseException as error:
            self.caught.append(error)
            if is_cancellation(error):
                raise

    async def live(self) -> None:
        async with self.container.open() as app:
            with self.inside(APP, APP, app):
                await self.body(APP, app)
                for number in range(ROUNDS):
                    await self.request(app, f"{REQUEST} {number}", number)

    async def request(self, app: OpenScope, label: str, number: int) -> None:
        async def block() -> None:
            async with app.open() as request:
                with self.inside(REQUEST, label, request):
                    await self.body(REQUEST, request)
                    if self.scenario.nested:
                        async with request.open() as call:
                            with self.inside(CALL, f"{CALL} {number}", call):
                                await self.body(CALL, call)

        if self.harm_kind is Harm.CANCEL_REQUEST:
            with anyio.CancelScope() as self.around_request:
                await block()
        else:
            await self.forgive(block)

    async def forgive(self, block: Callable[[], Awaitable[None]]) -> None:
        """As a server does: an error of one request is none of the app's."""
        try:
            await block()
        except Exception as error:
            self.caught.append(error)

    @contextmanager
    def inside(self, name: str, label: str, scope: OpenScope) -> Iterator[None]:
        self.scopes.append(scope)
        self.world.open[name] = label
        error = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            self.world.write("closing", None, error, label)

    # --- the bodies -----------------------------------------------------------------------

    async def body(self, name: str, scope: OpenScope) -> None:
        await self.world.point(name, "body")
        for step in self.scenario.steps.get(name, ()):
            await self.ask(scope, step)
        await self.world.point(name, "body")

    async def ask(self, scope: OpenScope, step: Step) -> None:
        self.answers = 0
        with anyio.CancelScope() as self.around_step:
            if not step.together:
                for number in step.numbers:
                    await self.get(scope, number)
                return
            async with anyio.create_task_group() as group:
                for number in step.numbers:
                    group.start_soon(self.get, scope, number)
                await self.get(scope, step.numbers[0])
            assert self.answers == len(step.numbers) + 1, "who asks gets an answer, or is cancelled"

    async def get(self, scope: OpenScope, number: int) -> None:
        with anyio.CancelScope() as asker:
            self.askers.append(asker)
            try:
                thing = await scope.get(KEYS[number])
            finally:
                self.askers.remove(asker)
            assert type(thing) is KEYS[number]
            self.world.write("got", thing)
        self.answers += 1

    # --- afterwards -----------------------------------------------------------------------

    async def check_closed(self) -> None:
        for scope in self.scopes:
            assert scope.closed
            for node in self.scenario.nodes:
                if node.rank <= SCOPES.index(scope.name):
                    with pytest.raises(ScopeClosedError):
                        await scope.get(KEYS[node.number])
            if scope.name != CALL:
                with pytest.raises(ScopeClosedError):
                    async with scope.open():
                        pass

    def check_errors(self) -> None:
        """What came out is the fault, and nothing but the fault."""
        said = [str(error) for error in self.caught]
        if not self.world.has_struck:
            assert not self.caught, said
            assert not self.was_cancelled
        elif self.harm_kind in (Harm.ERROR, Harm.FATAL):
            assert any(tells_of(error, MARKER) for error in self.caught), said
            assert not self.was_cancelled
        else:
            fault = self.scenario.fault
            inner = (Harm.CANCEL_REQUEST, Harm.CANCEL_ASKER, Harm.HANG_STEP)
            assert self.was_cancelled == (self.harm_kind not in inner)
            cut_short = self.harm_kind is Harm.HANG and fault and fault.phase == "release"
            if cut_short:
                assert any(tells_of(error, "ReleaseTimeoutError") for error in self.caught), said
            else:
                assert all(is_cancellation(error) for error in self.caught), said


def is_cancellation(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(is_cancellation(member) for member in error.exceptions)
    return isinstance(error, asyncio.CancelledError | trio.Cancelled)


def living_tasks() -> int:
    """How many tasks the event loop runs that are not its own."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


def run(scenario: Scenario) -> Run:
    """Run *scenario* on an event loop of its own, on virtual time."""
    options: dict[str, Any] = {"loop_factory": VirtualLoop}
    if scenario.backend == "trio":
        options = {"clock": MockClock(autojump_threshold=0)}
    one = Run(scenario)
    anyio.run(one.main, backend=scenario.backend, backend_options=options)
    return one


ASKING = (Harm.CANCEL_ASKER, Harm.HANG_STEP)
CASES: list[tuple[Harm | None, str]] = [
    (None, "nowhere"),
    *((harm, phase) for harm in Harm if harm not in ASKING for phase in PHASES),
    *((harm, "acquire") for harm in ASKING),
]


@pytest.mark.parametrize(("harm", "phase"), CASES)
def test_random_graph(harm, phase):
    """G1, G2, G3, G4, G5, G10: They hold for any graph, asked in any way, whatever goes wrong."""

    @given(scenarios(harm, phase))
    def holds(scenario: Scenario) -> None:
        one = run(scenario)
        fault = scenario.fault if one.world.has_struck else None
        Witness(fault, is_cancellation).read(one.world.log)
        one.check_errors()

    if settings.default is not None and settings.default.derandomize:
        holds = seed(CASES.index((harm, phase)))(holds)  # other graphs for each case
    holds()
