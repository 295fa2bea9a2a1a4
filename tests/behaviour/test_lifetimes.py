"""Group A: how long things live, and who shares them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import anyio
import pytest

from lifescope import Container, Named, OpenScope, SuppliedValueError, provider, supplied

pytestmark = pytest.mark.anyio


class Thing:
    pass


class Other:
    def __init__(self, thing: Thing) -> None:
        self.thing = thing


class Pair:
    def __init__(self, first: Thing, second: Thing) -> None:
        self.first = first
        self.second = second


def logged(log, scope, form=Thing, **options):
    """An async generator provider that logs its acquire and release."""

    async def make() -> AsyncIterator[form]:
        log("acquire")
        try:
            yield form()
        finally:
            log("release")

    return provider(make, scope=scope, **options)


async def test_transient_asked_for_twice_is_two_objects():
    """A01: A transient that is asked for twice is made twice."""
    container = Container(provider(Thing, scope="transient"))
    async with container.open() as app:
        assert await app.get(Thing) is not await app.get(Thing)


async def test_transient_is_made_for_every_parameter():
    """A01: Two parameters of one provider get two transients."""
    container = Container(provider(Thing, scope="transient"), provider(Pair, scope="app"))
    async with container.open() as app:
        pair = await app.get(Pair)
        assert isinstance(pair.first, Thing)
        assert pair.first is not pair.second
        assert await app.get(Pair) is pair


@pytest.mark.parametrize("scope", ["app", "request", "call"])
async def test_transient_is_released_with_the_scope_of_its_user(log, scope):
    """A01: A transient lives as long as what it was made for."""
    container = Container(logged(log, "transient"), provider(Other, scope=scope))
    async with container.open() as app:
        async with app.open("call") as call:
            await call.get(Other)
            assert log.events == ["acquire"]
        assert log.events == (["acquire"] if scope == "app" else ["acquire", "release"])
    assert log.events == ["acquire", "release"]


async def test_request_scoped_is_shared_within_one_request_only(log):
    """A02: One scope gives the same object twice, another scope gives another."""
    container = Container(logged(log, "request"))
    async with container.open() as app:
        async with app.open() as first:
            one = await first.get(Thing)
            assert await first.get(Thing) is one
        async with app.open() as second:
            assert await second.get(Thing) is not one
    assert log.events == ["acquire", "release"] * 2


async def test_scopes_opened_inside_one_another_are_separate(log):
    """A03: Closing the inner one of two requests releases only what is its own."""
    container = Container(logged(log, "request"))
    async with container.open() as app, app.open() as outer:
        one = await outer.get(Thing)
        async with app.open() as inner:
            assert await inner.get(Thing) is not one
        assert log.events == ["acquire", "acquire", "release"]
        assert await outer.get(Thing) is one
    assert log.events == ["acquire", "acquire", "release", "release"]


async def test_app_scoped_is_one_object_everywhere(log):
    """A04: An app-scoped object is shared by all scopes and released only with the app."""
    container = Container(logged(log, "app"))
    async with container.open() as app:
        async with app.open() as request:
            one = await request.get(Thing)
            async with request.open() as call:
                assert await call.get(Thing) is one
        assert await app.get(Thing) is one
        async with app.open() as request:
            assert await request.get(Thing) is one
        assert log.events == ["acquire"]
    assert log.events == ["acquire", "release"]


class Owned:
    """Everything that could be mistaken for something to release."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __enter__(self):
        self.touched.append("enter")

    def __exit__(self, *_):
        self.touched.append("exit")

    async def __aenter__(self):
        self.touched.append("aenter")

    async def __aexit__(self, *_):
        self.touched.append("aexit")

    def close(self):
        self.touched.append("close")

    async def aclose(self):
        self.touched.append("aclose")


async def test_ready_object_is_never_released():
    """A05: A value of the container is given as it is, and is never entered or released."""
    ready = Owned()
    container = Container(values={Owned: ready})
    for _ in range(2):
        async with container.open() as app, app.open() as request:
            assert await request.get(Owned) is ready
            assert app.get_nowait(Owned) is ready
    assert ready.touched == []


@pytest.mark.parametrize("scope", ["app", "request", "call"])
async def test_supplied_object_is_never_released(scope):
    """A05: A value that is handed in when a scope opens is given as it is, and only there."""
    ready = Owned()
    container = Container(supplied(Owned, scope=scope))
    at_app = {Owned: ready} if scope == "app" else {}
    async with container.open(at_app) as app:
        if scope == "app":
            assert await app.get(Owned) is ready
        else:
            async with app.open(scope, values={Owned: ready}) as inner:
                assert await inner.get(Owned) is ready
    assert ready.touched == []


async def test_value_of_the_container_may_be_declared_as_supplied():
    """A05: A supplied key of the app scope may be handed in with the container, or at open."""
    container = Container(supplied(int, scope="app"), values={int: 1})
    async with container.open() as app:
        assert await app.get(int) == 1
    async with container.open({int: 2}) as app:
        assert await app.get(int) == 2


async def test_supplied_values_of_two_requests_do_not_mix():
    """A05: Each request has the value that was handed in for it."""
    container = Container(supplied(int, scope="request"))
    async with container.open() as app:
        async with app.open(values={int: 1}) as one, app.open(values={int: 2}) as two:
            assert (await one.get(int), await two.get(int)) == (1, 2)


async def test_named_supplied_value():
    """A05: A supplied key may be qualified."""
    container = Container(supplied(int, scope="request", name="size"))
    async with container.open() as app:
        async with app.open(values={Annotated[int, Named("size")]: 3}) as request:
            assert await request.get(Annotated[int, Named("size")]) == 3
        with pytest.raises(SuppliedValueError):
            async with app.open(values={int: 3}):
                pass


class Resolver:
    def __init__(self, scope: OpenScope) -> None:
        self.scope = scope


async def test_app_scoped_provider_gets_the_app_scope_as_resolver():
    """A06: Wherever it is first asked for, an app-scoped provider gets the app's open scope."""
    container = Container(provider(Resolver, scope="app"))
    async with container.open() as app, app.open() as request:
        assert (await request.get(Resolver)).scope is app


async def test_request_scoped_provider_gets_the_request_scope_as_resolver():
    """A06: A request-scoped provider gets the request's open scope, also when a call asks."""
    container = Container(provider(Resolver, scope="request"))
    async with container.open() as app, app.open() as request, request.open() as call:
        assert (await call.get(Resolver)).scope is request


async def test_transient_gets_the_scope_of_its_user_as_resolver():
    """A06: A transient gets the open scope in which its user lives."""

    class Holder:
        def __init__(self, resolver: Resolver) -> None:
            self.scope = resolver.scope

    container = Container(provider(Resolver, scope="transient"), provider(Holder, scope="app"))
    async with container.open() as app, app.open() as request:
        assert (await request.get(Holder)).scope is app
        assert (await request.get(Resolver)).scope is request


class Reader:
    pass


class Writer:
    pass


class File(Reader, Writer):
    pass


async def test_one_provider_of_two_keys_makes_one_object(log):
    """A07: Several keys share one object, made and released once."""
    container = Container(logged(log, "request", File, provides=(Reader, Writer)))
    async with container.open() as app, app.open() as request:
        assert await request.get(Writer) is await request.get(Reader)
        assert request.get_nowait(Reader) is await request.get(Writer)
    assert log.events == ["acquire", "release"]


async def test_keys_that_are_given_are_the_only_ones():
    """A07: With `provides=`, the class itself is no key."""
    container = Container(provider(File, scope="app", provides=(Reader, Writer)))
    async with container.open() as app:
        with pytest.raises(LookupError):
            await app.get(File)


async def test_stored_opening_can_be_entered_again(log):
    """A08: Three scopes from one stored opening have three objects, each released."""
    container = Container(logged(log, "request"))
    async with container.open() as app:
        opening = app.open()
        seen = []
        for _ in range(3):
            async with opening as request:
                seen.append(await request.get(Thing))
        assert len(set(map(id, seen))) == 3
    assert log.events == ["acquire", "release"] * 3


async def test_container_can_be_opened_again(log):
    """A08: A container holds no instances: each app scope has its own."""
    container = Container(logged(log, "app"))
    opening = container.open()
    seen = []
    for _ in range(3):
        async with opening as app:
            seen.append(await app.get(Thing))
    assert len(set(map(id, seen))) == 3
    assert log.events == ["acquire", "release"] * 3


class D:
    pass


class B:
    def __init__(self, d: D) -> None:
        self.d = d


class C:
    def __init__(self, d: D) -> None:
        self.d = d


class A:
    def __init__(self, b: B, c: C) -> None:
        self.b, self.c = b, c


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_diamond_shares_its_base(log, scope):
    """A09: What two others need is made once, and released once and last."""

    @provider(scope=scope)
    async def d() -> AsyncIterator[D]:
        log("acquire D")
        yield D()
        log("release D")

    @provider(scope=scope)
    async def b(d: D) -> AsyncIterator[B]:
        yield B(d)
        log("release B")

    @provider(scope=scope)
    def c(d: D) -> Iterator[C]:
        yield C(d)
        log("release C")

    container = Container(provider(A, scope=scope), b, c, d)
    async with container.open() as app, app.open() as request:
        a = await request.get(A)
        assert a.b.d is a.c.d
    assert log.events == ["acquire D", "release C", "release B", "release D"]


async def test_none_is_a_value_like_any_other(log):
    """A11: A provider that gives None is asked once, and that is not the same as missing."""

    @provider(scope="app")
    async def thing() -> Thing | None:
        log("called")
        return None

    class User:
        def __init__(self, thing: Thing | None = Thing()) -> None:  # noqa: B008
            self.thing = thing

    container = Container(thing, provider(User, scope="transient"))
    async with container.open() as app:
        assert await app.get(Thing | None) is None
        assert await app.get(Thing | None) is None
        assert (await app.get(User)).thing is None
    assert log.events == ["called"]


async def test_scope_between_is_opened_too(log):
    """A04: Opening an inner scope from the app opens what lies between, and closes it after."""
    container = Container(logged(log, "request"))
    async with container.open() as app:
        async with app.open("call") as call:
            assert call.name == "call"
            assert call.parent is not None
            assert call.parent.name == "request"
            assert call.parent.parent is app
            assert await call.get(Thing) is await call.parent.get(Thing)
        assert call.closed
        assert call.parent.closed
        assert not app.closed
    assert log.events == ["acquire", "release"]


async def test_scopes_of_ones_own(log):
    """A02: A container may have other scopes, with lifetimes nested in the order given."""
    container = Container(
        logged(log, "tenant"), provider(Other, scope="job"), scopes=("process", "tenant", "job")
    )
    async with container.open() as process:
        assert process.name == "process"
        async with process.open() as tenant:
            assert tenant.name == "tenant"
            async with tenant.open() as one, tenant.open() as two:
                assert one.name == "job"
                assert await one.get(Other) is not await two.get(Other)
                assert (await one.get(Other)).thing is (await two.get(Other)).thing
            assert log.events == ["acquire"]
        assert log.events == ["acquire", "release"]


async def test_eager_provider_is_made_when_the_app_scope_opens(log):
    """A04: With `eager=True` the object is there when `container.open()` has been entered."""
    container = Container(logged(log, "app", eager=True))
    async with container.open() as app:
        assert log.events == ["acquire"]
        app.get_nowait(Thing)
    assert log.events == ["acquire", "release"]


async def test_eager_provider_that_fails_opens_nothing(log):
    """G7: If an eager provider fails, what was acquired before is released, and nothing opens."""

    @provider(scope="app", eager=True)
    async def other(thing: Thing) -> Other:
        raise OSError("no network")

    container = Container(logged(log, "app"), other)
    with pytest.raises(OSError, match="no network"):
        async with container.open():
            log("body")
    assert log.events == ["acquire", "release"]


def test_one_container_in_two_event_loops_at_once():
    """G12: Two event loops in two threads each have an app scope of their own."""
    container = Container(provider(Thing, scope="app"))
    both_are_open = threading.Barrier(2, timeout=5)
    seen: list[Thing] = []

    async def main() -> None:
        async with container.open() as app:
            seen.append(await app.get(Thing))
            both_are_open.wait()
            assert await app.get(Thing) in seen

    threads = [threading.Thread(target=anyio.run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(map(id, seen))) == 2


def test_one_container_under_asyncio_run_twice():
    """G12: A container is not bound to the event loop that used it first."""
    container = Container(provider(asyncio.Lock, scope="app", enter=False))

    async def main() -> asyncio.Lock:
        async with container.open() as app:
            lock = await app.get(asyncio.Lock)
            async with lock:
                return lock

    assert asyncio.run(main()) is not asyncio.run(main())
