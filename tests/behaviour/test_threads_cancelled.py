"""Group E: cancellations and limits of providers that run in worker threads."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import pytest

from lifescope import (
    AcquisitionTimeoutError,
    Container,
    OpenScope,
    ReleaseTimeoutError,
    ScopeClosedError,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]
LIMIT = 10
"""Seconds after which a thread that waits for something gives up."""


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


class Gate:
    """Where a thread stops until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        anyio.from_thread.run_sync(self.reached.set)
        assert self._open.wait(LIMIT)

    def open(self) -> None:
        self._open.set()


def plain_a(log: Any, scope: str) -> Any:
    async def a() -> AsyncIterator[A]:
        log("acquire A")
        try:
            yield A()
        finally:
            log("release A")

    return provider(a, scope=scope)


async def cancel_in_time(use: Callable[[], Any], gate: Gate) -> None:
    """Cancel *use* while its thread is at *gate*, and let that go on afterwards."""
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use)
            await gate.reached.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
                gate.open()


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_while_a_thread_acquires(log, scope):
    """E01, E02: What the thread makes all the same is released, and the cancellation goes on."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        log("begin B")
        gate()
        log("acquire B")
        try:
            yield B(a)
        finally:
            log("release B")

    async def use() -> None:
        async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
            await request.get(B)
            log("not reached")

    await cancel_in_time(use, gate)
    assert log.events == ["acquire A", "begin B", "acquire B", "release B", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_ask_can_be_tried_again(log, scope):
    """E01: Who asks again, in the same scope, gets a new one, released at the scope's end."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        log("begin")
        if log.count("begin") == 1:
            gate()
        log("acquire")
        try:
            yield A()
        finally:
            log("release")

    async with Container(a).open() as app, app.open() as request:

        async def use() -> None:
            await request.get(A)
            log("not reached")

        await cancel_in_time(use, gate)
        assert type(await request.get(A)) is A
        assert log.events == ["begin", "acquire", "release", "begin", "acquire"]
    assert log.events[3:] == ["begin", "acquire", "release"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_while_a_function_runs(log, scope):
    """E01: The result of a function is dropped; the next ask calls it again."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def a() -> A:
        log("call")
        if log.count("call") == 1:
            gate()
        return A()

    async with Container(a).open() as app, app.open() as request:

        async def use() -> None:
            await request.get(A)
            log("not reached")

        await cancel_in_time(use, gate)
        assert type(await request.get(A)) is A
    assert log.events == ["call", "call"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_while_a_thread_fails(log, scope):
    """E01: Nothing is released of what the thread has not made; the rest is."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        gate()
        raise Broken
        yield B(a)

    async def use() -> None:
        async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
            await request.get(B)
            log("not reached")

    with suppress(ExceptionGroup):  # the error may well come out instead
        await cancel_in_time(use, gate)
    assert log.events == ["acquire A", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_release_that_fails_after_a_cancelled_acquisition(log, scope):
    """E01, G3: A failing release of what came too late keeps nobody from being cancelled."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        gate()
        try:
            yield B(a)
        finally:
            log("release B")
            raise Broken

    async def use() -> None:
        async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
            await request.get(B)
            log("not reached")

    await cancel_in_time(use, gate)
    assert log.events == ["acquire A", "release B", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_one_of_two_who_wait_is_cancelled(log, scope):
    """E09: The acquisition goes on for the other, and nothing is released early."""
    gate, got = Gate(), []

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        gate()
        log("acquire")
        yield A()
        log("release")

    async def ask(request: OpenScope, cancel: anyio.CancelScope) -> None:
        with cancel:
            got.append(await request.get(A))

    with anyio.fail_after(LIMIT):
        async with Container(a).open() as app, app.open() as request:
            first, second = anyio.CancelScope(), anyio.CancelScope()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, request, first)
                tasks.start_soon(ask, request, second)
                await gate.reached.wait()
                await anyio.wait_all_tasks_blocked()
                first.cancel()
                await anyio.wait_all_tasks_blocked()
                gate.open()
            assert len(got) == 1
            assert got == [await request.get(A)]
            assert log.events == ["acquire"]
    assert log.events == ["acquire", "release"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_while_a_thread_releases(log, scope):
    """E04: The release runs to its end, the others follow, then the cancellation goes on."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def b(a: A) -> Iterator[B]:
        yield B(a)
        log("begin release B")
        gate()
        log("end release B")

    async def use() -> None:
        async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
            await request.get(B)
        await anyio.lowlevel.checkpoint()
        log("not reached")

    await cancel_in_time(use, gate)
    assert log.events == ["acquire A", "begin release B", "end release B", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_in_the_body(log, scope):
    """E03: A blocking provider sees the cancellation, in its thread."""

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        try:
            yield A()
        except BaseException as error:
            log(type(error).__name__)
            raise

    with anyio.CancelScope() as cancel:
        async with Container(a).open() as app, app.open() as request:
            await request.get(A)
            cancel.cancel()
            await anyio.lowlevel.checkpoint()
    assert cancel.cancelled_caught
    assert len(log.events) == 1
    assert log.events[0] in ("CancelledError", "Cancelled")


@pytest.mark.parametrize("scope", SCOPES)
async def test_limit_of_a_release(log, scope):
    """E06: A thread that does not end its release in time is left alone, and reported."""
    gate = Gate()

    @provider(scope=scope, thread=True, stop_timeout=0.05)
    def b(a: A) -> Iterator[B]:
        yield B(a)
        gate()

    try:
        with anyio.fail_after(LIMIT), pytest.raises(ReleaseTimeoutError, match=r"b\(\)") as caught:
            async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
                await request.get(B)
    finally:
        gate.open()
    assert caught.value.seconds == 0.05
    assert log.events == ["acquire A", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_limit_of_an_acquisition(log, scope):
    """E07: A thread cannot be interrupted; what it makes after its limit is released."""
    expired = threading.Event()

    @provider(scope=scope, thread=True, start_timeout=0.05)
    def b(a: A) -> Iterator[B]:
        expired.wait(0.2)  # longer than the limit: nobody sets it
        log("acquire B")
        try:
            yield B(a)
        finally:
            log("release B")

    with anyio.fail_after(LIMIT):
        async with Container(plain_a(log, scope), b).open() as app, app.open() as request:
            with pytest.raises(AcquisitionTimeoutError, match=r"b\(\)") as caught:
                await request.get(B)
            assert caught.value.seconds == 0.05
            assert log.events == ["acquire A", "acquire B", "release B"]
    assert log.events[3:] == ["release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_waits_for_a_thread(log, scope):
    """F11: A scope that ends while a thread acquires for it waits, and releases the result."""
    gate = Gate()

    @provider(scope=scope, thread=True)
    def a() -> Iterator[A]:
        gate()
        log("acquire")
        yield A()
        log("release")

    async def ask(request: OpenScope) -> None:
        with pytest.raises(ScopeClosedError):
            await request.get(A)

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            async with Container(a).open() as app, app.open() as request:
                tasks.start_soon(ask, request)
                await gate.reached.wait()
                tasks.start_soon(_open_when_blocked, gate)
    assert log.events == ["acquire", "release"]


async def _open_when_blocked(gate: Gate) -> None:
    await anyio.wait_all_tasks_blocked()
    gate.open()
