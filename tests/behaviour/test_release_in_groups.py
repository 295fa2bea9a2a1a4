"""What a task group makes of the error that is thrown into it is no error of the release."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from lifescope import Container, provider

pytestmark = pytest.mark.anyio


class Workers:
    """Runs something beside whoever uses it."""


class Broken(Exception):
    pass


class InClass:
    """A provider that is a class: its task group is left in `__aexit__`."""

    async def __aenter__(self) -> Workers:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        return Workers()

    async def __aexit__(self, *told: object) -> bool | None:
        self._group.cancel_scope.cancel()
        return await self._group.__aexit__(*told)


def in_groups(scope: str, kind: str, log) -> Any:
    """A provider with a task group around its `yield`, or with two."""

    async def one() -> AsyncIterator[Workers]:
        async with anyio.create_task_group():
            try:
                yield Workers()
            except BaseException as error:
                log(type(error).__name__)
                raise

    async def nested() -> AsyncIterator[Workers]:
        async with anyio.create_task_group(), anyio.create_task_group():
            yield Workers()

    if kind == "class":
        return provider(InClass, scope=scope, provides=Workers, enter=True)
    return provider(one if kind == "one" else nested, scope=scope)


@pytest.mark.parametrize("scope", ["app", "request", "call", "transient"])
@pytest.mark.parametrize("kind", ["one", "nested", "class"])
async def test_body_error_goes_on_as_itself(log, caplog, scope, kind):
    """G3, G4: The group that a task group wraps around the outcome is not reported as well."""
    error = Broken()
    with anyio.fail_after(5), pytest.raises(Broken) as caught:
        async with Container(in_groups(scope, kind, log)).open() as app:
            async with app.open("call") as call:
                await call.get(Workers)
                raise error
    assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert caplog.records == []
    assert log.events == (["Broken"] if kind == "one" else [])


@pytest.mark.parametrize("kind", ["one", "nested", "class"])
async def test_recorded_failure_comes_back_in_a_group(log, caplog, kind):
    """G4: An error that somebody has handled does not come out of the scope for its group."""
    with anyio.fail_after(5):
        async with Container(in_groups("request", kind, log)).open() as app:
            async with app.open() as request:
                await request.get(Workers)
                request.record_failure(Broken())
    assert caplog.records == []
    assert log.events == (["Broken"] if kind == "one" else [])


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_error_in_the_same_group_is_reported(caplog, scope):
    """G3: What else fails inside the task group while it is left is not lost."""

    @provider(scope=scope)
    async def workers() -> AsyncIterator[Workers]:
        async with anyio.create_task_group():
            try:
                yield Workers()
            finally:
                raise ValueError("in the release")

    error = Broken()
    with anyio.fail_after(5), pytest.raises(Broken) as caught:
        async with Container(workers).open() as app, app.open() as request:
            await request.get(Workers)
            raise error
    assert caught.value is error
    (note,) = error.__notes__
    assert "a release failed as well: ExceptionGroup" in note
    assert len(caplog.records) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_task_group_of_asyncio(caplog):
    """G3: The same holds for `asyncio.TaskGroup`."""

    @provider(scope="request")
    async def workers() -> AsyncIterator[Workers]:
        async with asyncio.TaskGroup():
            yield Workers()

    error = Broken()
    with anyio.fail_after(5), pytest.raises(Broken) as caught:
        async with Container(workers).open() as app, app.open() as request:
            await request.get(Workers)
            raise error
    assert caught.value is error
    assert caplog.records == []
