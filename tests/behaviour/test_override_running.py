"""Overrides while an app scope is open: overlays (G13)."""

import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

import anyio
import pytest

from lifescope import Container, Current, GraphError, Lazy, OpenScope, provider, supplied

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Clock:
    pass


class Engine:
    pass


class Mailer:
    pass


class Fake(Mailer):
    pass


class Service:
    def __init__(self, mailer: Mailer, engine: Engine) -> None:
        self.mailer = mailer
        self.engine = engine


class Handler:
    def __init__(self, service: Service, clock: Clock) -> None:
        self.service = service
        self.clock = clock


class Shop:
    """A container that notes what it makes and releases."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.container = Container(
            provider(self.noted(Clock), scope="app"),
            provider(self.noted(Engine), scope="app"),
            provider(self.noted(Mailer), scope="app"),
            provider(self.noted(Service, Mailer, Engine), scope="app"),
            provider(Handler, scope="request"),
        )

    def noted(self, cls: type, *needs: type) -> Callable[..., Any]:
        async def make(**needed: Any) -> AsyncIterator[Any]:
            self.log.append(f"make {cls.__name__}")
            yield cls(*needed.values())
            self.log.append(f"release {cls.__name__}")

        parameters = ", ".join(f"n{number}" for number in range(len(needs)))
        names: dict[str, Any] = {"make": make}
        passed = ", ".join(f"n{number}=n{number}" for number in range(len(needs)))
        exec(
            f"async def {cls.__name__.lower()}({parameters}):\n"
            f"  async for made in make({passed}):\n    yield made",
            names,
        )
        function = names[cls.__name__.lower()]
        function.__annotations__ = {
            **{f"n{number}": need for number, need in enumerate(needs)},
            "return": AsyncIterator[cls],
        }
        return function


async def handler(app: OpenScope) -> Handler:
    async with app.open("request") as request:
        return await request.get(Handler)


async def test_only_dependents_are_made_again() -> None:
    """I09: What the key does not reach is shared, whether it was there before or not."""
    shop = Shop()
    async with shop.container.open() as app:
        before = await handler(app)
        assert shop.log == ["make Mailer", "make Engine", "make Service", "make Clock"]
        shop.log.clear()
        fake = Fake()
        async with shop.container.override(Mailer, fake):
            during = await handler(app)
            assert shop.log == ["make Service"]
            assert (await handler(app)).service is during.service
        assert shop.log == ["make Service", "release Service"]
        after = await handler(app)
        assert shop.log == ["make Service", "release Service"]
    assert during.service.mailer is fake
    assert during.service is not before.service
    assert (during.service.engine, during.clock) == (before.service.engine, before.clock)
    assert after.service is before.service


async def test_what_is_shared_is_made_below() -> None:
    """What the override does not reach, and was not there, outlives it."""
    shop = Shop()
    async with shop.container.open() as app:
        async with shop.container.override(Mailer, Fake()):
            during = await handler(app)
        assert shop.log == ["make Engine", "make Service", "make Clock", "release Service"]
        shop.log.clear()
        after = await handler(app)
        assert shop.log == ["make Mailer", "make Service"]
    assert after.clock is during.clock
    assert after.service.engine is during.service.engine


async def test_scopes_that_are_open_already() -> None:
    """A request that was open before never sees the override, nor one that was opened in it."""
    shop = Shop()
    async with shop.container.open() as app, app.open("request") as request:
        async with shop.container.override(Mailer, Fake()), app.open("request") as other:
            assert type((await request.get(Handler)).service.mailer) is Mailer
            assert type((await other.get(Handler)).service.mailer) is Fake
            assert type(await request.get(Mailer)) is Mailer
        assert type((await request.get(Handler)).service.mailer) is Mailer


async def test_app_scope_itself_is_asked() -> None:
    """While the override is in force the app scope answers with it."""
    shop = Shop()
    async with shop.container.open() as app:
        fake = Fake()
        async with shop.container.override(Mailer, fake):
            assert await app.get(Mailer) is fake
            assert app.get_nowait(Mailer) is fake
            assert await shop.container.get(Mailer) is fake
            assert await app.call(lambda mailer: mailer, mailer=fake) is fake

            def ask(mailer: Mailer) -> Mailer:
                return mailer

            assert await app.call(ask) is fake
        assert type(await app.get(Mailer)) is Mailer
        assert shop.log == ["make Mailer"]


async def test_provider_as_replacement() -> None:
    """It has needs and a release; the original is never made (I07)."""
    shop = Shop()

    @provider(scope="app")
    async def fake(clock: Clock) -> AsyncIterator[Mailer]:
        shop.log.append("make fake")
        yield Fake()
        shop.log.append("release fake")

    async with shop.container.open() as app:
        async with shop.container.override(Mailer, fake):
            assert type((await handler(app)).service.mailer) is Fake
        assert shop.log == [
            "make Clock",
            "make fake",
            "make Engine",
            "make Service",
            "release Service",
            "release fake",
        ]


async def test_nested() -> None:
    """I04: The inner one is above the outer one, and shares what it does not reach."""
    shop = Shop()
    outer, clock = Fake(), Clock()
    async with shop.container.open() as app:
        async with shop.container.override(Mailer, outer):
            one = await handler(app)
            async with shop.container.override(Clock, clock):
                both = await handler(app)
                async with shop.container.override(Mailer, Fake()):
                    three = await handler(app)
            again = await handler(app)
    assert (both.service, both.clock) == (one.service, clock)
    assert (three.clock, three.service.engine) == (clock, one.service.engine)
    assert three.service.mailer is not outer
    assert (again.service, again.clock) == (one.service, one.clock)


async def test_outer_one_ends_first() -> None:
    """Each ends alone, in whatever order; what is left is made again above what is left."""
    shop = Shop()
    fake, clock = Fake(), Clock()
    first = shop.container.override(Mailer, fake)
    second = shop.container.override(Clock, clock)
    async with shop.container.open() as app:
        await first.__aenter__()
        await second.__aenter__()
        await handler(app)
        await first.__aexit__()
        left = await handler(app)
        await second.__aexit__()
        after = await handler(app)
    assert (type(left.service.mailer), left.clock) == (Mailer, clock)
    assert after.clock is not clock


async def test_errors_end_it_too() -> None:
    """I03, I04: An error in the block, or in what is released, takes nothing with it."""
    shop = Shop()
    async with shop.container.open() as app:
        with pytest.raises(ZeroDivisionError):
            async with shop.container.override(Mailer, Fake()):
                await handler(app)
                raise ZeroDivisionError

        @provider(scope="app")
        async def broken() -> AsyncIterator[Mailer]:
            yield Fake()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            async with shop.container.override(Mailer, broken):
                await handler(app)
        assert type((await handler(app)).service.mailer) is Mailer
    assert shop.log.count("make Service") == shop.log.count("release Service") == 3


async def test_sync_form_is_released_by_the_app_scope_at_the_latest() -> None:
    """`with` cannot wait; the event loop does it as soon as it can."""
    shop = Shop()
    async with shop.container.open() as app:
        with shop.container.override(Mailer, Fake()):
            await handler(app)
        assert "release Service" not in shop.log
        with anyio.fail_after(5):
            while "release Service" not in shop.log:
                await anyio.lowlevel.checkpoint()
        with shop.container.override(Mailer, Fake()):
            await handler(app)
        shop.log.clear()
    assert shop.log[0] == "release Service"
    assert sorted(shop.log[1:]) == ["release Clock", "release Engine"]


async def test_app_scope_that_ends_in_the_block() -> None:
    """What was made above it goes first."""
    shop = Shop()
    override = shop.container.override(Mailer, Fake())
    async with shop.container.open() as app:
        await override.__aenter__()
        await handler(app)
        shop.log.clear()
    assert shop.log == ["release Service", "release Clock", "release Engine"]
    await override.__aexit__()
    async with shop.container.open() as app:
        assert type((await handler(app)).service.mailer) is Mailer


async def test_app_scope_that_is_opened_in_the_block() -> None:
    """It is opened with the override, and is itself what is asked."""
    shop = Shop()
    fake = Fake()
    async with shop.container.open() as older:
        async with shop.container.override(Mailer, fake):
            async with shop.container.open() as app:
                assert (await handler(app)).service.mailer is fake
                assert (await handler(older)).service.mailer is fake
        assert type((await handler(older)).service.mailer) is Mailer


async def test_replacement_is_checked() -> None:
    """I06: What does not fit is refused, and nothing is in force."""
    shop = Shop()

    @provider(scope="request")
    def fake() -> Mailer:
        raise AssertionError

    async with shop.container.open() as app:
        with pytest.raises(GraphError):
            shop.container.override(Mailer, fake)
        assert type((await handler(app)).service.mailer) is Mailer


async def test_request_scoped_keys() -> None:
    """Nothing in the app scope is touched; new requests have the replacement."""
    shop = Shop()
    async with shop.container.open() as app:
        before = await handler(app)
        fake = Handler(before.service, before.clock)
        async with shop.container.override(Handler, fake):
            assert await handler(app) is fake
        assert await handler(app) is not fake
    assert shop.log.count("make Service") == 1


async def test_through_handles() -> None:
    """Who asks later is affected as well; who asks for what is current need not be made again."""

    class Later:
        def __init__(self, mailer: Lazy[Mailer]) -> None:
            self.mailer = mailer

    class Now:
        def __init__(self, mailer: Current[Mailer]) -> None:
            self.mailer = mailer

    container = Container(
        provider(Mailer, scope="app"), provider(Later, scope="app"), provider(Now, scope="app")
    )
    async with container.open() as app:
        later, now = await app.get(Later), await app.get(Now)
        async with container.override(Mailer, Fake()):
            assert type(await (await app.get(Later)).mailer) is Fake
            assert type(await later.mailer) is Mailer
            assert await app.get(Now) is now
            assert type(await now.mailer) is Fake


async def test_decorated_and_collected() -> None:
    """A decorator is shared with what it is around, and made again with what it needs."""

    class Plugin:
        pass

    class Loud(Mailer):
        def __init__(self, inner: Mailer, clock: Clock) -> None:
            self.inner = inner

    @provider(scope="app", many=True)
    def plugin(clock: Clock) -> Plugin:
        return Plugin()

    @provider(scope="app", many=True)
    def other() -> Plugin:
        return Plugin()

    @provider(scope="app", decorate=True)
    def loud(mailer: Mailer, clock: Clock) -> Mailer:
        return Loud(mailer, clock)

    container = Container(
        provider(Clock, scope="app"), provider(Mailer, scope="app"), loud, plugin, other
    )
    async with container.open() as app:
        mailer, plugins = await app.get(Mailer), await app.get(list[Plugin])
        async with container.override(Clock, Clock()):
            again, now = await app.get(Mailer), await app.get(list[Plugin])
            assert again is not mailer
            assert again.inner is mailer.inner
            assert now[0] is not plugins[0]
            assert now[1] is plugins[1]
        async with container.override(list[Plugin], [Plugin()]):
            assert len(await app.get(list[Plugin])) == 1
        assert await app.get(list[Plugin]) == plugins


class Model:
    pass


class Repo(Generic[T]):
    def __init__(self, model: type[T], engine: Engine, clock: Clock) -> None:
        self.clock = clock


async def test_open_generics() -> None:
    """An instance is shared, or made again, as any other."""
    container = Container(
        provider(Engine, scope="app"), provider(Clock, scope="app"), provider(Repo, scope="app")
    )
    async with container.open() as app:
        repo = await app.get(Repo[Model])
        async with container.override(Clock, Clock()):
            assert (await app.get(Repo[Model])).clock is not repo.clock
        assert await app.get(Repo[Model]) is repo
        async with container.override(Engine, Engine()):
            assert await app.get(Repo[Model]) is not repo
            assert (await app.get(Repo[int])).clock is repo.clock


async def test_values() -> None:
    """What is handed in, to the container or to the app scope, is shared, and is replaced."""
    container = Container(supplied(str, scope="app"), values={int: 1})
    async with container.open(values={str: "one"}) as app:
        async with container.override(str, "two"):
            assert (await app.get(str), await app.get(int)) == ("two", 1)
            async with container.override(int, 2):
                assert (await app.get(str), await app.get(int)) == ("two", 2)
        assert (await app.get(str), await app.get(int)) == ("one", 1)


# --- for one context only -------------------------------------------------------------------


async def test_local_ones_at_the_same_time() -> None:
    """I01: Each task sees its own, others none; the app scope is the same for all."""
    shop = Shop()
    seen: dict[str, Handler] = {}
    inside = [anyio.Event(), anyio.Event()]

    async def work(app: OpenScope, number: int) -> None:
        async with shop.container.override(Mailer, Fake(), local=True):
            inside[number].set()
            await inside[1 - number].wait()
            seen[f"{number}"] = await handler(app)

    async with shop.container.open() as app:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for number in range(2):
                    tasks.start_soon(work, app, number)
                for event in inside:
                    await event.wait()
                seen["outside"] = await handler(app)
        assert type((await handler(app)).service.mailer) is Mailer
    assert type(seen["outside"].service.mailer) is Mailer
    assert type(seen["0"].service.mailer) is type(seen["1"].service.mailer) is Fake
    assert seen["0"].service.mailer is not seen["1"].service.mailer
    assert len({id(each.service.engine) for each in seen.values()}) == 1


async def test_local_above_one_for_all() -> None:
    """The one for the context is above the one for everybody, and nests."""
    shop = Shop()
    clock = Clock()
    async with shop.container.open() as app, shop.container.override(Clock, clock):
        async with shop.container.override(Mailer, Fake(), local=True):
            both = await handler(app)
            async with shop.container.override(Mailer, Mailer(), local=True):
                inner = await handler(app)
        after = await handler(app)
    assert (type(both.service.mailer), both.clock) == (Fake, clock)
    assert (type(inner.service.mailer), inner.clock) == (Mailer, clock)
    assert (type(after.service.mailer), after.clock) == (Mailer, clock)


async def test_local_before_the_app_scope_opens() -> None:
    """An app scope that is opened in the context has it, another does not."""
    shop = Shop()
    opened: list[Mailer] = []

    async def elsewhere() -> None:
        async with shop.container.open() as app:
            opened.append(await app.get(Mailer))

    async with anyio.create_task_group() as tasks:
        async with shop.container.override(Mailer, Fake(), local=True):
            async with shop.container.open() as app:
                opened.append(await app.get(Mailer))
        tasks.start_soon(elsewhere)
    assert [type(each) for each in opened] == [Fake, Mailer]


async def test_threads() -> None:
    """I08: A local one is not seen in a thread with a context of its own; one for all is."""
    shop = Shop()
    found: list[int] = []

    def look() -> None:
        found.append(len(shop.container.graph.overridden))

    def in_a_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with shop.container.override(Mailer, Fake(), local=True):
        in_a_thread()
    with shop.container.override(Mailer, Fake()):
        in_a_thread()
    assert found == [0, 1]


async def test_local_has_ended_for_those_who_inherited_it() -> None:
    """I03: A task that goes on after the block opens app scopes without it."""
    shop = Shop()
    ended = anyio.Event()
    opened: list[Mailer] = []

    async def later() -> None:
        await ended.wait()
        async with shop.container.open() as app:
            opened.append(await app.get(Mailer))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            async with shop.container.override(Mailer, Fake(), local=True):
                tasks.start_soon(later)
            ended.set()
    assert [type(each) for each in opened] == [Mailer]
