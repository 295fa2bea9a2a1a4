"""Group B: blocks of a `Factory[T]`: their end, errors, cancellations, and their scope."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import pytest

from lifescope import (
    AcquisitionTimeoutError,
    Container,
    Factory,
    ReleaseError,
    ScopeClosedError,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request", "transient"]


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


class Holder:
    def __init__(self, factory: Factory[A]) -> None:
        self.factory = factory


def make(log: Any, form: Any, scope: str, needs: Any = None) -> Any:
    """A provider of *form*, of which each object has a number."""
    name, count = form.__name__, iter(range(1, 100))

    async def without() -> AsyncIterator[form]:
        number = next(count)
        await anyio.lowlevel.checkpoint()
        log(f"acquire {name}{number}")
        try:
            yield form()
        finally:
            log(f"release {name}{number}")

    async def needing(a: needs) -> AsyncIterator[form]:
        number = next(count)
        log(f"acquire {name}{number}")
        try:
            yield form(a)
        finally:
            log(f"release {name}{number}")

    return provider(without if needs is None else needing, scope=scope)


def witness(log: Any, *, swallow: bool = False) -> Any:
    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        except BaseException as error:
            log(f"saw {type(error).__name__}")
            if not swallow:
                raise
        else:
            log("saw nothing")

    return a


@pytest.mark.parametrize("swallow", [False, True])
async def test_error_in_a_block(log, swallow):
    """B14, D08, D09: The provider sees the block's error, which comes out in any case."""
    error = Broken()
    async with Container(witness(log, swallow=swallow)).open() as app:
        factory = await app.get(Factory[A])
        with pytest.raises(Broken) as caught:
            async with factory():
                raise error
        assert caught.value is error
        async with factory():
            pass
    assert log.events == ["saw Broken", "saw nothing"]


async def test_cancelled_block(log):
    """B14, E03: A cancelled block is released, and the cancellation goes on."""
    async with Container(witness(log)).open() as app:
        factory = await app.get(Factory[A])
        with anyio.CancelScope() as cancel:
            async with factory():
                cancel.cancel()
                await anyio.lowlevel.checkpoint()
                log("not reached")
        assert cancel.cancelled_caught
        assert len(log.events) == 1
        assert log.events[0] in ("saw CancelledError", "saw Cancelled")


async def test_cancelled_while_entering(log, faults):
    """B14, E01: What was made for the block so far is released; what is shared stays."""
    faults.hang_at("C", "acquire")

    class C:
        pass

    @provider(scope="app")
    async def c(b: B) -> AsyncIterator[C]:
        await faults.at("C", "acquire")
        yield C()

    container = Container(make(log, A, "app"), make(log, B, "transient", needs=A), c)
    async with container.open() as app:
        factory = await app.get(Factory[C])
        with anyio.CancelScope() as cancel:
            async with anyio.create_task_group() as tasks:

                async def use() -> None:
                    async with factory():
                        log("not reached")

                tasks.start_soon(use)
                await anyio.wait_all_tasks_blocked()
                cancel.cancel()
        assert log.events == ["acquire A1", "acquire B1", "release B1"]
        async with factory():
            assert log.events[3:] == ["acquire B2"]
    assert log.events[3:] == ["acquire B2", "release B2", "release A1"]


async def test_error_while_entering(log):
    """B14, D13: The error comes out as itself; what was made for the block is released."""
    error = Broken()

    class C:
        pass

    @provider(scope="app")
    async def c(b: B) -> AsyncIterator[C]:
        raise error
        yield C()

    container = Container(make(log, A, "app"), make(log, B, "transient", needs=A), c)
    async with container.open() as app:
        with pytest.raises(Broken) as caught:
            async with (await app.get(Factory[C]))():
                raise AssertionError
        assert caught.value is error
        assert any("c()" in note and "test_factory_blocks.py:" in note for note in error.__notes__)
        assert log.events == ["acquire A1", "acquire B1", "release B1"]


@pytest.mark.parametrize("fails", ["both", "one"])
async def test_failing_release_of_a_block(fails):
    """B14, D04, D05: One failed release comes out as itself, two as a ReleaseError."""

    @provider(scope="transient")
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            raise Broken("A")

    @provider(scope="app")
    async def b(a: A) -> AsyncIterator[B]:
        try:
            yield B(a)
        finally:
            if fails == "both":
                raise Broken("B")

    async with Container(a, b).open() as app:
        factory = await app.get(Factory[B])
        with pytest.raises(ReleaseError if fails == "both" else Broken) as caught:
            async with factory():
                pass
        with pytest.raises(KeyError) as kept:
            async with factory():
                raise KeyError
    if fails == "both":
        assert [str(error) for error in caught.value.exceptions] == ["B", "A"]
    assert any("Broken: A" in note for note in kept.value.__notes__)


# --- the scope of the holder ----------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
async def test_factory_after_the_end_of_the_scope(log, scope):
    """B14, G10: After the end of the holder's scope a factory makes nothing."""
    outer = "app" if scope == "app" else "request"
    container = Container(make(log, A, scope), provider(Holder, scope=outer))
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)
        block = holder.factory()
    for each in (block, holder.factory()):
        with pytest.raises(ScopeClosedError, match="a new A") as caught:
            async with each:
                raise AssertionError
        assert caught.value.scope == outer
        assert "test_factory_blocks.py:" in str(caught.value)
    assert log.events == []


async def test_factory_in_a_release(log):
    """D18: While its scope is closing a factory makes nothing new."""

    @provider(scope="app")
    async def holder(factory: Factory[A]) -> AsyncIterator[Holder]:
        yield Holder(factory)
        with pytest.raises(ScopeClosedError) as caught:
            async with factory():
                raise AssertionError
        log(f"refused {caught.value.closing}")

    async with Container(make(log, A, "app"), holder).open() as app:
        await app.get(Holder)
    assert log.events == ["refused True"]


async def test_block_that_outlives_its_scope(log):
    """B14, G3: Nobody forgets a block that is still running when its scope ends."""
    go_on = anyio.Event()

    async def use(factory: Factory[A]) -> None:
        async with factory():
            await go_on.wait()
        log("end of block")

    container = Container(make(log, A, "request"))
    async with container.open() as app, anyio.create_task_group() as tasks:
        async with app.open() as request:
            tasks.start_soon(use, await request.get(Factory[A]))
            await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert log.count("acquire A1") == log.count("release A1") == log.count("end of block") == 1


async def test_block_that_is_entered_twice(log):
    """B14: A block is entered once; trying to do so again loses nothing."""
    async with Container(make(log, A, "request")).open() as app, app.open() as request:
        block = (await request.get(Factory[A]))()
        with suppress(Exception):
            async with block, block:
                pass
    assert len(log.starting_with("acquire")) == len(log.starting_with("release"))


async def test_limit_of_what_a_factory_makes(log):
    """E07: A limit holds in a block as well; an error leaves nothing behind."""

    @provider(scope="app", start_timeout=0.05)
    async def slow(b: B) -> AsyncIterator[str]:
        await anyio.sleep_forever()
        yield ""

    container = Container(make(log, A, "app"), make(log, B, "transient", needs=A), slow)
    async with container.open() as app:
        with pytest.raises(AcquisitionTimeoutError, match=r"slow\(\)") as caught:
            async with (await app.get(Factory[str]))():
                raise AssertionError
        assert caught.value.seconds == 0.05
        assert log.events == ["acquire A1", "acquire B1", "release B1"]
