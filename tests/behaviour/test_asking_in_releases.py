"""D18: a release may ask for what is still there; and what comes too late for anybody."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.from_thread
import pytest

from lifescope import Container, OpenScope, ScopeClosedError, ScopeOrderError, provider

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Last:
    """Released while everything that was acquired before it is there."""


WAYS: dict[str, Callable[[OpenScope, Any], Any]] = {
    "get": lambda scope, form: scope.get(form),
    "get_nowait": lambda scope, form: _soon(scope.get_nowait, form),
}


async def _soon(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def holder(log: Any, scope: str, form: Any, way: str = "get") -> Any:
    """A provider of Last that asks for *form* in its release, and logs what it gets."""

    async def last(own: OpenScope) -> AsyncIterator[Last]:
        yield Last()
        try:
            got = await WAYS[way](own, form)
        except ScopeClosedError as error:
            log(f"refused, closing: {error.closing}")
        else:
            log(f"got {type(got).__name__}")

    return provider(last, scope=scope)


def make_a(log: Any, scope: str) -> Any:
    async def a() -> AsyncIterator[A]:
        log("acquire A")
        yield A()
        log("release A")

    return provider(a, scope=scope)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("way", ["get", "get_nowait"])
async def test_what_is_still_there(log, scope, way):
    """D18: An object whose own turn has not come is given."""
    parts = [make_a(log, scope), holder(log, scope, A, way)]
    async with Container(parts).open() as app, app.open() as request:
        await request.get(A)
        await request.get(Last)
    assert log.events == ["acquire A", "got A", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("way", ["get", "get_nowait"])
async def test_what_was_never_made(log, scope, way):
    """D18: Nothing new is made any more; the error says that the scope is closing."""
    parts = [make_a(log, scope), holder(log, scope, A, way)]
    async with Container(parts).open() as app, app.open() as request:
        await request.get(Last)
    assert log.events == ["refused, closing: True"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("way", ["get", "get_nowait"])
async def test_what_has_been_released(log, scope, way):
    """D18, G10: What has been released is not handed out again."""
    parts = [make_a(log, scope), holder(log, scope, A, way)]
    async with Container(parts).open() as app, app.open() as request:
        await request.get(Last)
        await request.get(A)
    assert log.events == ["acquire A", "release A", "refused, closing: True"]


@pytest.mark.parametrize(
    ("scope", "between"),
    [
        ("app", "app"),
        ("app", "transient"),
        ("request", "app"),
        ("request", "request"),
        ("request", "transient"),
    ],
)
async def test_what_needs_something_that_has_been_released(log, scope, between):
    """D18, G2: Neither is what has no release of its own, but is made of what has."""
    parts = [make_a(log, between), provider(B, scope=scope), holder(log, scope, B)]
    async with Container(parts).open() as app, app.open() as request:
        await (app if scope == "app" else request).get(Last)
        await request.get(B)
    refused = "refused, closing: True"
    if (scope, between) == ("request", "app"):
        assert log.events == ["acquire A", "got B", "release A"]
    else:
        assert log.events == ["acquire A", "release A", refused]


async def test_what_lives_in_a_wider_scope(log):
    """D18: A request's release gets what is there in the app, and makes nothing for it."""
    parts = [make_a(log, "app"), holder(log, "request", A)]
    async with Container(parts).open() as app:
        async with app.open() as request:
            await request.get(Last)
        assert log.events == ["refused, closing: True"]
        await app.get(A)
        async with app.open() as request:
            await request.get(Last)
        assert log.events[1:] == ["acquire A", "got A"]
    assert log.events[3:] == ["release A"]


async def test_what_lives_in_a_narrower_scope(log):
    """D18: What has ended before stays ended."""

    @provider(scope="app")
    async def last(own: OpenScope) -> AsyncIterator[Last]:
        yield Last()
        with pytest.raises(ScopeOrderError):
            await own.get(A)
        log("refused")

    async with Container(make_a(log, "request"), last).open() as app, app.open() as request:
        await app.get(Last)
        await request.get(A)
    assert log.events == ["acquire A", "release A", "refused"]


async def test_values(log):
    """D18: What was handed in is there to the end."""
    parts = [holder(log, "request", int)]
    async with Container(parts, values={int: 3}).open() as app, app.open() as request:
        await request.get(Last)
    assert log.events == ["got int"]


async def test_transient(log):
    """D18: A transient would have to be made anew: it is refused."""
    parts = [make_a(log, "transient"), holder(log, "request", A)]
    async with Container(parts).open() as app, app.open() as request:
        await request.get(A)
        await request.get(Last)
    assert log.events == ["acquire A", "refused, closing: True", "release A"]


async def test_itself(log):
    """D18: A release that asks for its own object is too late."""

    @provider(scope="request")
    async def a(own: OpenScope) -> AsyncIterator[A]:
        yield A()
        with pytest.raises(ScopeClosedError, match="closing"):
            await own.get(A)
        log("refused")

    async with Container(a).open() as app, app.open() as request:
        await request.get(A)
    assert log.events == ["refused"]


async def test_optional(log):
    """D18: What nobody provides is None as ever, or refused; nothing else goes wrong."""
    parts = [make_a(log, "request"), holder(log, "request", A | None)]
    async with Container(parts).open() as app, app.open() as request:
        await request.get(A)
        await request.get(Last)
    assert log.events == ["acquire A", "got A", "release A"]


async def test_from_a_thread(log):
    """D18: A release in a worker thread may ask as well."""

    @provider(scope="request", thread=True)
    def last(own: OpenScope) -> Iterator[Last]:
        yield Last()
        log(f"got {type(anyio.from_thread.run(own.get, A)).__name__}")

    with anyio.fail_after(5):
        async with Container(make_a(log, "request"), last).open() as app, app.open() as request:
            await request.get(A)
            await request.get(Last)
    assert log.events == ["acquire A", "got A", "release A"]


async def test_after_an_error(log):
    """D18: The same while the scope ends with an error."""

    @provider(scope="request")
    async def last(own: OpenScope) -> AsyncIterator[Last]:
        try:
            yield Last()
        finally:
            log(f"got {type(await own.get(A)).__name__}")

    @provider(scope="request")
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            log("release A")

    with pytest.raises(KeyError):
        async with Container(a, last).open() as app, app.open() as request:
            await request.get(A)
            await request.get(Last)
            raise KeyError
    assert log.events == ["got A", "release A"]


async def test_opening_a_scope(log):
    """D18: A scope that is closing opens nothing."""

    @provider(scope="app")
    async def last(own: OpenScope) -> AsyncIterator[Last]:
        yield Last()
        with pytest.raises(ScopeClosedError, match="closing"):
            async with own.open():
                raise AssertionError
        log("refused")

    async with Container(last).open() as app:
        await app.get(Last)
    assert log.events == ["refused"]


# --- what comes too late --------------------------------------------------------------------


class Stubborn:
    """A provider that cannot be interrupted while it is acquired for the first time."""

    def __init__(self, log: Any, scope: str) -> None:
        self.reached, self.go_on, self.released = anyio.Event(), anyio.Event(), anyio.Event()

        async def a() -> AsyncIterator[A]:
            if not self.reached.is_set():
                with anyio.CancelScope(shield=True):
                    self.reached.set()
                    await self.go_on.wait()
            log("acquire")
            try:
                yield A()
            finally:
                log("release")
                self.released.set()

        self.provider = provider(a, scope=scope)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("waiters", [1, 3])
async def test_acquired_too_late_for_anybody(log, scope, waiters):
    """E01: If all who wanted it are gone when it is there, it is released at once."""
    stubborn = Stubborn(log, scope)
    with anyio.fail_after(5):
        container = Container(stubborn.provider)
        async with container.open() as app, app.open() as request:
            async with anyio.create_task_group() as tasks:
                for _ in range(waiters):
                    tasks.start_soon(request.get, A)
                await stubborn.reached.wait()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.wait_all_tasks_blocked()
                    stubborn.go_on.set()
            await stubborn.released.wait()
            assert log.events == ["acquire", "release"]
            assert type(await request.get(A)) is A
            assert log.events == ["acquire", "release", "acquire"]
    assert log.events == ["acquire", "release"] * 2


@pytest.mark.parametrize("scope", SCOPES)
async def test_acquired_late_but_not_for_everybody(log, scope):
    """E09: If somebody still wants it, it stays."""
    stubborn, got = Stubborn(log, scope), []

    async def ask(request: OpenScope) -> None:
        got.append(await request.get(A))

    with anyio.fail_after(5):
        container = Container(stubborn.provider)
        async with container.open() as app, app.open() as request:
            async with anyio.create_task_group() as staying, anyio.create_task_group() as tasks:
                tasks.start_soon(ask, request)
                staying.start_soon(ask, request)
                await stubborn.reached.wait()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.wait_all_tasks_blocked()
                    stubborn.go_on.set()
            assert log.events == ["acquire"]
            assert got == [await request.get(A)]
    assert log.events == ["acquire", "release"]
