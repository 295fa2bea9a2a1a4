"""What every test may use: the event loops, an event log, and faults on demand."""

import asyncio
import gc
import importlib.util
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest

LONGEST = (
    "browser/test_page.py",
    "property/test_random_graphs.py",
    "behaviour/test_memory.py",
    "pages/test_how_to.py",
    "servers/test_stops.py",
    "broken/test_variants.py",
    "servers/test_crashes.py",
    "behaviour/test_generated_code.py",
    "property/test_cancelled_everywhere.py",
    "integrations/test_fastapi.py",
    "outcomes/test_endings.py",
    "servers/test_mounted.py",
    "render/test_shapes.py",
    "peers/test_run.py",
    "tests/test_shop.py",
)
"""Files that take a quarter of a minute or more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end."""

    def turn(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((i for i, name in enumerate(LONGEST) if path.endswith(name)), len(LONGEST))

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end.

    That is the modules and thousands of tests; many tests have it look at everything.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # Hypothesis looks for references when it is first imported, maybe now


def _eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    return loop


def _backends() -> Iterator[Any]:
    yield pytest.param(("asyncio", {}), id="asyncio")
    if importlib.util.find_spec("uvloop") is not None:
        yield pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")
    if hasattr(asyncio, "eager_task_factory"):
        yield pytest.param(("asyncio", {"loop_factory": _eager_loop}), id="eager")
    yield pytest.param(("trio", {}), id="trio")


@pytest.fixture(params=list(_backends()))
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every coroutine test marked `anyio` runs on each of these event loops."""
    return request.param


@pytest.fixture
def public_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the routes of apps alone when they start.

    This is how routes behave that are added later, or that look different.
    """
    monkeypatch.setattr("lifescope._asgi.lifespan.bound_endpoints", lambda app: None)


@pytest.fixture(params=["fitted", "public"])
def both_paths(request: pytest.FixtureRequest) -> str:
    """Runs a test with the routes of apps as the start fits them, and with them left alone."""
    if request.param == "public":
        request.getfixturevalue("public_path")
    return str(request.param)


class EventLog:
    """What happened, in order. It only grows."""

    def __init__(self) -> None:
        self._events: list[str] = []

    def __call__(self, event: str) -> None:
        self._events.append(event)

    @property
    def events(self) -> list[str]:
        """A copy: nobody can take anything back."""
        return list(self._events)

    def count(self, event: str) -> int:
        return self._events.count(event)

    def starting_with(self, prefix: str) -> list[str]:
        return [event for event in self._events if event.startswith(prefix)]


@pytest.fixture
def log() -> EventLog:
    """An append-only event log."""
    return EventLog()


class Hang:
    """A place where a provider stops until it is told to go on."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.go_on = anyio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.go_on.wait()


class Faults:
    """Makes the k-th await of a provider, in its acquire, body or release, go wrong.

    A provider under test awaits `faults.at(name, phase)` wherever it could suspend. Without a
    fault that is one checkpoint. Awaits are counted from 1 for each name and phase.
    """

    def __init__(self) -> None:
        self._faults: dict[tuple[str, str, int], Callable[[], Awaitable[None]]] = {}
        self._passed: Counter[tuple[str, str]] = Counter()

    async def at(self, name: str, phase: str) -> None:
        self._passed[name, phase] += 1
        fault = self._faults.pop((name, phase, self._passed[name, phase]), None)
        if fault is not None:
            await fault()
        else:
            await anyio.lowlevel.checkpoint()

    def raise_at(self, name: str, phase: str, error: BaseException, *, k: int = 1) -> None:
        async def fault() -> None:
            await anyio.lowlevel.checkpoint()
            raise error

        self._faults[name, phase, k] = fault

    def cancel_at(
        self, name: str, phase: str, scope: anyio.CancelScope, *, k: int = 1, wait: bool = False
    ) -> None:
        """Cancel *scope*; with `wait`, stay there until the cancellation has arrived."""

        async def fault() -> None:
            scope.cancel()
            if wait:
                await anyio.sleep_forever()
            await anyio.lowlevel.checkpoint()

        self._faults[name, phase, k] = fault

    def hang_at(self, name: str, phase: str, *, k: int = 1) -> Hang:
        hang = Hang()
        self._faults[name, phase, k] = hang
        return hang


@pytest.fixture
def faults() -> Faults:
    """Faults to inject; see `Faults`."""
    return Faults()
