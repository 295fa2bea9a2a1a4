"""G9, G10: `Background` refuses work for which nobody would wait, and keeps nothing."""

import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette

from integrations.driving import LIMIT, lifespan
from lifescope import (
    Background,
    Container,
    ScopeClosedError,
    provider,
    supplied,
)

pytestmark = pytest.mark.anyio


class Tenant:
    def __init__(self, name: str) -> None:
        self.name = name


async def test_refused_after_the_stop() -> None:
    """G10: A handle that was kept says so."""
    async with Container().open() as app:
        background = await app.get(Background)
    with pytest.raises(ScopeClosedError) as caught:
        background.spawn(test_refused_after_the_stop)
    assert "test_refused_after_the_stop()" in str(caught.value)
    assert caught.value.scope == "app"


async def test_refused_while_app_scoped_objects_are_released() -> None:
    """G9, G10: A release cannot start work any more: nobody would wait for it."""
    refused: list[Exception] = []

    @provider(scope="app", eager=True)
    async def tenant(background: Background) -> AsyncIterator[Tenant]:
        yield Tenant("blue")
        try:
            background.spawn(print, "never")
        except ScopeClosedError as error:
            refused.append(error)

    async with lifespan(Container(tenant).asgi(Starlette())):
        pass
    assert len(refused) == 1


async def test_refused_in_a_thread_after_the_stop() -> None:
    """G10: The same from a worker thread."""
    async with Container().open() as app:
        background = await app.get(Background)
    with pytest.raises(ScopeClosedError):
        await anyio.to_thread.run_sync(background.spawn, print)


async def test_refused_where_the_stop_overtakes_the_thread() -> None:
    """G10: The app scope closes between the thread's call and its turn in the event loop."""
    closed = anyio.Event()
    outcome: list[Any] = []

    class Values(dict[Any, Any]):
        """Looked at in the thread, before the event loop hears of the work."""

        def items(self) -> Any:
            anyio.from_thread.run(closed.wait)
            return super().items()

    def spawn(background: Background) -> None:
        try:
            background.spawn(outcome.append, "it ran", values=Values({Tenant: Tenant("blue")}))
        except ScopeClosedError as error:
            outcome.append(error)

    async def in_thread() -> None:
        await anyio.to_thread.run_sync(spawn, background)

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            async with Container(supplied(Tenant, scope="request")).open() as app:
                background = await app.get(Background)
                group.start_soon(in_thread)
                await anyio.wait_all_tasks_blocked()
            closed.set()
    assert len(outcome) == 1
    assert isinstance(outcome[0], ScopeClosedError)


async def test_nothing_is_kept_of_work_that_has_ended() -> None:
    """G15: Its arguments die when it is over, although the app goes on."""

    def work(tenant: Tenant) -> None:
        return

    async with Container().open() as app:
        background = await app.get(Background)
        tenant = Tenant("blue")
        reference = weakref.ref(tenant)
        background.spawn(work, tenant=tenant)
        del tenant
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        gc.collect()
        assert reference() is None
