"""G9, H08: `Background` starts work that may outlive its request, in a scope of its own."""

import logging
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integrations.driving import LIMIT, Session, get, lifespan, open_sessions
from lifescope import (
    Background,
    Container,
    Inject,
    OpenScope,
    SuppliedValueError,
    current_scope,
    inject,
    provider,
    supplied,
)

pytestmark = pytest.mark.anyio

user: ContextVar[str] = ContextVar("user", default="nobody")


class Tenant:
    def __init__(self, name: str) -> None:
        self.name = name


class Broken(Exception):
    """What goes wrong in the background."""


class Notes:
    """Waits for what work has to say."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self._said = anyio.Event()

    def __call__(self, line: Any) -> None:
        self.lines.append(line)
        self._said.set()

    async def wait(self) -> list[Any]:
        """Until there is the first line."""
        with anyio.fail_after(LIMIT):
            await self._said.wait()
        return self.lines


@pytest.fixture
def notes() -> Notes:
    return Notes()


async def test_work_has_a_request_scope_of_its_own_and_outlives_the_request() -> None:
    """H08: The request's session is over when the work uses its own."""
    log: list[str] = []
    may_go_on = anyio.Event()

    async def work(session: Session, number: int) -> None:
        log.append(f"work {number} has {session.read()} in {current_scope().name}")
        await may_go_on.wait()
        log.append(f"work {number} has {session.read()}")

    @inject
    async def endpoint(
        request: Request, session: Inject[Session], background: Inject[Background]
    ) -> Response:
        background.spawn(work, number=7)
        return PlainTextResponse(session.read())

    root = Container(open_sessions(log, "request")).asgi(Starlette(routes=[Route("/", endpoint)]))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "session 1"
        await anyio.wait_all_tasks_blocked()
        assert "commit 1" in log
        may_go_on.set()
    # With eager tasks the work begins before the request ends.
    assert sorted(log[:4]) == ["commit 1", "open 1", "open 2", "work 7 has session 2 in request"]
    assert log[4:] == ["work 7 has session 2", "commit 2"]


async def test_call_scope_of_the_work_is_open_as_long_as_it_runs() -> None:
    """H08, G11: What lives in a "call" is opened for the function."""
    log: list[str] = []

    async def work(session: Session) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(session.read())

    async with Container(open_sessions(log, "call")).open() as app:
        (await app.get(Background)).spawn(work)
    assert log == ["open 1", "session 1", "commit 1"]


async def test_sync_function(notes: Notes) -> None:
    """H08: A plain function is called with what it asks for, and what is passed."""

    def work(word: str, session: Session, *, more: str) -> None:
        notes((word, session.read(), more))

    async with Container(open_sessions([], "request")).open() as app:
        (await app.get(Background)).spawn(work, "word", more="more")
        assert await notes.wait() == [("word", "session 1", "more")]


async def test_bound_method_and_callable(notes: Notes) -> None:
    """H08: Whatever can be called."""

    class Job:
        async def method(self, session: Session) -> None:
            notes(session.read())

        async def __call__(self, session: Session) -> None:
            notes(session.read())

    async with Container(open_sessions([], "request")).open() as app:
        background = await app.get(Background)
        background.spawn(Job().method)
        background.spawn(Job())
    assert sorted(notes.lines) == ["session 1", "session 2"]


async def test_spawn_does_not_wait() -> None:
    """H08: It returns before the work has ended, and the work runs next to its caller."""
    begun, may_end = anyio.Event(), anyio.Event()

    async def work() -> None:
        begun.set()
        await may_end.wait()

    with anyio.fail_after(LIMIT):
        async with Container().open() as app:
            (await app.get(Background)).spawn(work)
            await begun.wait()
            may_end.set()


async def test_from_a_worker_thread(notes: Notes) -> None:
    """H08: A sync endpoint in a thread spawns as well; the work runs in the event loop."""

    async def work(session: Session) -> None:
        await anyio.lowlevel.checkpoint()
        notes((session.read(), user.get()))

    @inject
    def endpoint(request: Request, background: Inject[Background]) -> Response:
        token = user.set("Ada, in a thread")
        background.spawn(work)
        user.reset(token)
        return PlainTextResponse("spawned")

    root = Container(open_sessions([], "request")).asgi(Starlette(routes=[Route("/", endpoint)]))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "spawned"
    assert notes.lines == [("session 1", "Ada, in a thread")]


async def test_context_variables_are_those_of_the_spawner(notes: Notes) -> None:
    """H08: As they are at that moment; what the work sets is its own."""

    async def work() -> None:
        notes(user.get())
        user.set("somebody else")

    async with Container().open() as app:
        background = await app.get(Background)
        token = user.set("Ada")
        background.spawn(work)
        user.set("Grace")
        assert await notes.wait() == ["Ada"]
        await anyio.wait_all_tasks_blocked()
        assert user.get() == "Grace"
        user.reset(token)


async def test_current_scope_of_the_work_is_its_own(notes: Notes) -> None:
    """H01, H08: Not the one of the request from which it was spawned, which is over."""

    async def work(scope: OpenScope) -> None:
        notes(current_scope() is scope)
        notes((scope.name, scope.closed))

    async with Container().open() as app, app.open() as request:
        (await request.get(Background)).spawn(work)
    assert notes.lines == [True, ("request", False)]


async def test_values_are_handed_to_the_scope_of_the_work(notes: Notes) -> None:
    """H08: `values=` is for what is declared with `supplied`."""

    async def work(tenant: Tenant) -> None:
        notes(tenant.name)

    async with Container(supplied(Tenant, scope="request")).open() as app:
        (await app.get(Background)).spawn(work, values={Tenant: Tenant("blue")})
        assert await notes.wait() == ["blue"]


@pytest.mark.parametrize("values", [None, {}, {str: "no such key"}])
async def test_wrong_values_are_an_error_of_the_spawner(values: Any) -> None:
    """H08: It is raised where the mistake is."""

    async def work(tenant: Tenant) -> None:
        raise AssertionError

    async with Container(supplied(Tenant, scope="request")).open() as app:
        background = await app.get(Background)
        with pytest.raises(SuppliedValueError):
            background.spawn(work, values=values)


async def test_error_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """H08: With the name of the function; the scope of the work rolls back, the app goes on."""
    log: list[str] = []
    error = Broken("in the background")

    async def work(session: Session) -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    with caplog.at_level(logging.ERROR, "lifescope"):
        async with Container(open_sessions(log, "request")).open() as app:
            (await app.get(Background)).spawn(work)
            await anyio.wait_all_tasks_blocked()
            assert not app.closed
    (record,) = caplog.records
    assert "work() in the background has failed" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert log == ["open 1", "roll back 1: Broken"]


async def test_failing_release_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """H08: What the scope of the work raises at its end."""

    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        raise Broken

    async def work(session: Session) -> None:
        return

    with caplog.at_level(logging.ERROR, "lifescope"):
        async with Container(session).open() as app:
            (await app.get(Background)).spawn(work)
    assert [type(r.exc_info[1]) for r in caplog.records if r.exc_info] == [Broken]


async def test_spawn_inside_background_work(notes: Notes) -> None:
    """H08: Work spawns more work; all of it is waited for."""

    async def work(left: int, session: Session, background: Background) -> None:
        await anyio.lowlevel.checkpoint()
        notes((left, session.number))
        if left:
            background.spawn(work, left - 1)

    async with Container(open_sessions([], "request")).open() as app:
        (await app.get(Background)).spawn(work, 3)
    assert notes.lines == [(3, 1), (2, 2), (1, 3), (0, 4)]


async def test_held_by_an_app_scoped_object(notes: Notes) -> None:
    """H08: Whoever lives with the app may hold it, and spawn during any request."""

    @provider(scope="app")
    class Mailer:
        def __init__(self, background: Background) -> None:
            self.background = background

        def send(self, text: str) -> None:
            self.background.spawn(self.deliver, text)

        async def deliver(self, text: str, session: Session) -> None:
            notes((text, session.number))

    async with Container(Mailer, open_sessions([], "request")).open() as app:
        async with app.open() as request:
            (await request.get(Mailer)).send("hello")
        (await app.get(Mailer)).send("bye")
    assert sorted(text for text, _ in notes.lines) == ["bye", "hello"]
    assert sorted(number for _, number in notes.lines) == [1, 2]


async def test_spawned_while_the_app_starts(notes: Notes) -> None:
    """G9: A provider may start work that needs others; a request scope can be opened by then."""

    @provider(scope="app", eager=True)
    async def tenant(background: Background) -> AsyncIterator[Tenant]:
        background.spawn(work)
        yield Tenant("blue")

    async def work(tenant: Tenant, session: Session) -> None:
        notes((tenant.name, session.number))

    root = Container(tenant, open_sessions([], "request")).asgi(Starlette())
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]
    assert notes.lines == [("blue", 1)]


async def test_fake_is_passed_in_a_test() -> None:
    """I11: It is a protocol: what is tested by hand gets an object of the test's own."""
    spawned: list[tuple[Any, ...]] = []

    class Fake:
        def spawn(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
            spawned.append((fn, args))

    def signed_up(background: Background, name: str) -> None:
        background.spawn(print, name)

    signed_up(Fake(), "Ada")
    assert spawned == [(print, ("Ada",))]


# --- other scopes ---------------------------------------------------------------------------

SCOPES = [
    (("app",), "app"),
    (("app", "call"), "app"),
    (("app", "job"), "job"),
    (("app", "job", "call"), "job"),
    (("app", "session", "request", "call"), "request"),
]


@pytest.mark.parametrize(("scopes", "expected"), SCOPES)
async def test_scope_of_the_work(scopes: Any, expected: str, notes: Notes) -> None:
    """H08: A request scope, or what is next to the app scope; where nothing is, the app's."""

    async def work() -> None:
        scope = current_scope()
        notes((scope.name, scope.closed))

    async with Container(scopes=scopes).open() as app:
        background = await app.get(Background)
        if len(scopes) > 1:
            async with app.open():
                background.spawn(work)
        else:
            background.spawn(work)
    assert notes.lines == [(expected, False)]


@pytest.mark.parametrize("scopes", [("app",), ("app", "call"), ("app", "job")])
async def test_values_of_the_app_are_no_values_of_the_work(scopes: Any, notes: Notes) -> None:
    """H08: What was supplied to the app scope is there already."""

    async def work(tenant: Tenant) -> None:
        notes(tenant.name)

    container = Container(supplied(Tenant, scope="app"), scopes=scopes)
    async with container.open({Tenant: Tenant("blue")}) as app:
        (await app.get(Background)).spawn(work)
    assert notes.lines == ["blue"]
