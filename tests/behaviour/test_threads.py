"""Blocking providers (`thread=True`): made and released in worker threads, awaited meanwhile."""

import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
)
from typing import Any, Self

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from lifescope import (
    Container,
    Current,
    Inject,
    Lazy,
    OpenScope,
    current_scope,
    inject,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]
LIMIT = 10
"""Seconds after which a thread that waits for something gives up."""


class A:
    thread: Any = None


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


def in_loop() -> bool:
    return threading.get_ident() == LOOP_THREAD.get()


LOOP_THREAD: contextvars.ContextVar[int] = contextvars.ContextVar("LOOP_THREAD")


def kinds(log: Any) -> dict[str, Any]:
    """Blocking providers of A of each kind; each says whether it ran in the event loop."""

    def say(event: str) -> None:
        log(f"{event} {'in the loop' if in_loop() else 'elsewhere'}")

    def function() -> A:
        say("acquire")
        return A()

    def generator() -> Iterator[A]:
        say("acquire")
        yield A()
        say("release")

    class Entered(A):
        def __init__(self) -> None:
            say("make")

        def __enter__(self) -> Self:
            say("acquire")
            return self

        def __exit__(self, *_: object) -> None:
            say("release")

    def manager() -> AbstractContextManager[A]:
        return Entered()

    class Plain(A):
        def __init__(self) -> None:
            say("acquire")

    return {
        "function": (function, {}),
        "generator": (generator, {}),
        "contextmanager": (contextmanager(generator), {}),
        "function that gives a manager": (manager, {}),
        "class that is entered": (Entered, {"enter": True, "provides": A}),
        "class": (Plain, {"provides": A}),
    }


def of_kind(log: Any, kind: str, scope: str) -> Any:
    target, options = kinds(log)[kind]
    return provider(target, scope=scope, thread=True, **options)


RELEASED = [
    "generator",
    "contextmanager",
    "function that gives a manager",
    "class that is entered",
]


@pytest.mark.parametrize("scope", [*SCOPES, "transient"])
@pytest.mark.parametrize("kind", [*RELEASED, "function", "class"])
async def test_made_and_released_in_threads(log, kind, scope):
    """B01: Whatever its kind, what blocks runs in worker threads, its release as well."""
    LOOP_THREAD.set(threading.get_ident())
    async with Container(of_kind(log, kind, scope)).open() as app, app.open() as request:
        made = await request.get(A)
        assert isinstance(made, A)
        assert (await request.get(A) is made) is (scope != "transient")
    count = 2 if scope == "transient" else 1
    assert log.count("acquire elsewhere") == count
    assert log.count("release elsewhere") == (count if kind in RELEASED else 0)
    assert [event for event in log.events if "in the loop" in event] == []


@pytest.mark.parametrize("scope", SCOPES)
async def test_order_with_others(log, scope):
    """D01: A blocking provider has its place in the order, between what is awaited."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        log("acquire A")
        yield A()
        log("release A")

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        log("acquire B")
        yield B(a)
        log("release B")

    @provider(scope=scope)
    async def last(b: B) -> AsyncIterator[str]:
        log("acquire last")
        yield "last"
        log("release last")

    async with Container(a, b, last).open() as app, app.open() as request:
        await request.get(str)
        assert (await request.get(B)).a is await request.get(A)
    assert log.events == [
        *("acquire A", "acquire B", "acquire last"),
        *("release last", "release B", "release A"),
    ]


@pytest.mark.parametrize("scope", SCOPES)
async def test_event_loop_goes_on(scope):
    """F08: While one blocks, the event loop does other things, both times."""
    turns = [threading.Event(), threading.Event()]

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        assert turns[0].wait(LIMIT)
        yield A()
        assert turns[1].wait(LIMIT)

    async def tick(started: anyio.Event) -> None:
        started.set()
        for turn in turns:
            await anyio.wait_all_tasks_blocked()
            turn.set()

    async def use() -> None:
        async with Container(a).open() as app, app.open() as request:
            await request.get(A)

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            started = anyio.Event()
            tasks.start_soon(use)
            tasks.start_soon(tick, started)


async def test_many_at_once():
    """F02: A hundred tasks ask for one blocking thing, which is made once."""
    count, go_on = [], threading.Event()

    @provider(scope="app", thread=True)
    def a() -> Iterator[A]:
        count.append(1)
        assert go_on.wait(LIMIT)
        yield A()
        count.append(-1)

    seen: list[A] = []
    async with Container(a).open() as app:

        async def ask() -> None:
            seen.append(await app.get(A))

        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        assert count == [1]
    assert count == [1, -1]
    assert len(set(map(id, seen))) == 1
    assert len(seen) == 100


async def test_many_different_ones_at_once():
    """F03: More of them than there are threads wait for their turn, and all are released."""
    alive, most = 0, 0
    lock = threading.Lock()

    @provider(scope="request", thread=True)
    def a() -> Iterator[A]:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        yield A()
        with lock:
            alive -= 1

    async def use(app: OpenScope) -> None:
        async with app.open() as request:
            await request.get(A)

    async with Container(a).open() as app:
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                for _ in range(150):
                    tasks.start_soon(use, app)
    assert alive == 0
    assert most > 1


# --- context --------------------------------------------------------------------------------

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("scope", SCOPES)
async def test_context_variable_is_reset_with_its_token(log, scope):
    """G5: Entered and left in one context, it may reset a variable with its token."""

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        token = variable.set("by A")
        yield A()
        assert variable.get() == "by A"
        variable.reset(token)
        log("reset")

    async with Container(a).open() as app, app.open() as request:
        await request.get(A)
        assert variable.get() == "by A"
    assert variable.get() == "unset"
    assert log.events == ["reset"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_context_effects_are_taken_back(scope):
    """J10: What it sets is visible to who asks and to what comes after it, and then taken back."""

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        variable.set("by A")
        yield A()

    @provider(scope=scope, thread=True)
    def b(a: A) -> str:
        return variable.get()

    async with Container(a, b).open() as app, app.open() as request:
        assert await request.get(str) == "by A"
        assert variable.get() == "by A"
        assert await anyio.to_thread.run_sync(variable.get) == "by A"
    assert variable.get() == "unset"


@pytest.mark.parametrize("scope", SCOPES)
async def test_context_effects_of_a_function(scope):
    """J10: What a function sets is visible to who asks."""

    @provider(scope=scope, thread=True)
    def a() -> A:
        variable.set("by A")
        return A()

    async def use() -> None:
        async with Container(a).open() as app, app.open() as request:
            await request.get(A)
            assert variable.get() == "by A"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
    assert variable.get() == "unset"


@pytest.mark.parametrize("scope", SCOPES)
async def test_current_scope_in_a_thread(scope):
    """H03: A blocking provider sees the scope that it lives in, and may ask it."""

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        names = [current_scope().name]
        made = A()
        made.thread = names
        yield made
        names.append(current_scope().name)

    async with Container(a).open() as app, app.open() as request:
        made = await request.get(A)
        assert made.thread == [scope]
    assert made.thread == [scope] * 2


@pytest.mark.parametrize("scope", SCOPES)
async def test_asks_for_something_else_from_its_thread(log, scope):
    """F05: From its thread a provider may ask the scope for another blocking thing."""

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        log("acquire A")
        yield A()
        log("release A")

    @provider(scope=scope, thread=True)
    def b(scope: OpenScope) -> Iterator[B]:
        made = B(anyio.from_thread.run(scope.get, A))
        log("acquire B")
        yield made
        log("release B")

    with anyio.fail_after(LIMIT):
        async with Container(a, b).open() as app, app.open() as request:
            assert (await request.get(B)).a is await request.get(A)
    assert log.events == ["acquire A", "acquire B", "release B", "release A"]


async def test_relations_of_blocking_things(log):
    """B13: Handles lead to blocking providers like to any other."""
    LOOP_THREAD.set(threading.get_ident())
    async with Container(of_kind(log, "generator", "request")).open() as app:
        current = await app.get(Current[A])
        async with app.open() as request:
            lazy = await request.get(Lazy[A])
            assert log.events == []
            assert await lazy is await current is await request.get(A)
    assert log.events == ["acquire elsewhere", "release elsewhere"]


async def test_blocking_thing_at_a_sync_endpoint(log):
    """J11: A `def` function in a worker thread gets what other threads have made."""

    @inject
    def endpoint(a: Inject[A]) -> A:
        return a

    LOOP_THREAD.set(threading.get_ident())
    container = Container(of_kind(log, "generator", "request"))
    async with container.open() as app, app.open() as request:
        assert await anyio.to_thread.run_sync(endpoint) is await request.get(A)
    assert log.events == ["acquire elsewhere", "release elsewhere"]
