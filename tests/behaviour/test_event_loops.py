"""One container, several event loops and threads (G12, CONFORMANCE F06 and F14)."""

import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from anyio import from_thread, to_thread

from lifescope import Container, OpenScope, WrongLoopError, current_scope, inject, provider
from lifescope import Inject as Injected
from reading import said

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


CONTAINER = Container(provider(A, scope="app"), provider(B, scope="app"))


@inject
async def ask_injected(a: Injected[A]) -> A:
    return a


async def open_request() -> None:
    async with current_scope().open():
        pass


ASKING: list[Callable[[], Awaitable[Any]]] = [
    lambda: CONTAINER.get(A),
    lambda: CONTAINER.get(B),
    ask_injected,
    open_request,
]


@pytest.mark.parametrize("ask", ASKING, ids=["ready", "not made yet", "injected", "opening"])
async def test_scope_of_another_event_loop(ask):
    """F14: A loop in a thread with a copy of the context learns that the scope is not its own."""
    async with CONTAINER.open() as app:
        await app.get(A)
        with pytest.raises(WrongLoopError, match='"app" belongs to another event loop') as caught:
            await to_thread.run_sync(anyio.run, ask)
    assert re.search(r"opened at: - \S*test_event_loops\.py:\d+", said(caught.value))


async def test_scope_handed_to_another_event_loop():
    """F14: Nor is anything made in it that would belong to the wrong loop."""

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        yield A()

    async with Container(a).open() as app:
        with pytest.raises(WrongLoopError, match="cannot give A here") as caught:
            await to_thread.run_sync(anyio.run, app.get, A)
        assert isinstance(await app.get(A), A)
    assert caught.value.scope == "app"
    assert isinstance(caught.value, RuntimeError)


async def test_plain_class_is_made_in_its_own_event_loop():
    """F14, G1: What need not be awaited is not made elsewhere either: it could be made twice."""
    made: list[A] = []

    @provider(scope="app")
    def a() -> A:
        made.append(A())
        return made[-1]

    async with Container(a).open() as app:
        with pytest.raises(WrongLoopError):
            await to_thread.run_sync(anyio.run, app.get, A)
        assert made == []
        assert await app.get(A) is made[0]


async def test_thread_without_an_event_loop():
    """H03: A worker thread may read what is ready, and have the loop make what is not."""

    def in_thread(app: OpenScope) -> tuple[A, B]:
        return app.get_nowait(A), from_thread.run(CONTAINER.get, B)

    async with CONTAINER.open() as app:
        await app.get(A)
        a, b = await to_thread.run_sync(in_thread, app)
        assert a is await app.get(A)
        assert b is await app.get(B)


def test_two_loops_that_wait_for_each_other():
    """F06: What one loop is making holds up no other loop, whatever the providers wait for."""
    both = threading.Barrier(2, timeout=10)

    @provider(scope="app")
    async def a() -> A:
        await to_thread.run_sync(both.wait)
        return A()

    @provider(scope="app")
    def b(a: A) -> B:
        return B()

    container = Container(a, b)
    made: list[A] = []

    async def ask() -> None:
        async with container.open() as app:
            await app.get(B)
            made.append(await app.get(A))

    threads = [threading.Thread(target=anyio.run, args=(ask,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(map(id, made))) == 2


def test_many_loops_at_once():
    """F13: Eight threads with a loop each make what they ask for once each, round after round."""
    counts: list[int] = []
    lock = threading.Lock()

    class Counted:
        def __init__(self) -> None:
            with lock:
                counts.append(threading.get_ident())

    container = Container(provider(Counted, scope="app"))

    async def rounds() -> None:
        for _ in range(50):
            async with container.open() as app:
                first = await app.get(Counted)
                assert await app.get(Counted) is first

    threads = [threading.Thread(target=anyio.run, args=(rounds,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(counts) == 8 * 50
