import decimal
import gc
import inspect
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import httpx2
import pytest
import sniffio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Receive as StarletteReceive
from starlette.types import Scope as StarletteScope
from starlette.types import Send as StarletteSend

from integrations.driving import (
    LIMIT,
    Lifespan,
    Receive,
    Send,
    Serve,
    Session,
    answering,
    get,
    http_scope,
    lifespan,
    open_sessions,
)
from lifescope import (
    CaptiveDependencyError,
    Container,
    LifespanNotRunError,
    MissingProviderError,
    NoScopeError,
    ReleaseError,
    ScopeOrderError,
    SuppliedValueError,
    UnannotatedError,
    UnknownScopeError,
    current_scope,
    provider,
    supplied,
)
from reading import pointed_at

pytestmark = pytest.mark.anyio


class Config:
    """Lives as long as the app."""

    title = "title"


class Refused(Exception):
    """An error of the application's own."""


def open_config(log: list[str]) -> Any:
    @provider(scope="app", eager=True)
    async def config() -> AsyncIterator[Config]:
        log.append("config opens")
        try:
            yield Config()
        finally:
            log.append("config closes")

    return config


async def title() -> str:
    """What the apps of these tests answer: something from the current scope."""
    return (await current_scope().get(Config)).title


class App:
    """An ASGI app as an object."""

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await answering(title)(scope, receive, send)


# --- kinds of factories ---------------------------------------------------------------------

log: list[str] = []
"""What the factories below note; emptied by each test that reads it."""


def function(config: Config) -> Any:
    return answering(title)


async def coroutine_function(config: Config) -> Any:
    await anyio.lowlevel.checkpoint()
    return answering(title)


async def async_generator_function(config: Config) -> AsyncIterator[Any]:
    log.append("enter")
    yield answering(title)
    log.append("exit")


@asynccontextmanager
async def context_manager_function(config: Config) -> AsyncIterator[Any]:
    log.append("enter")
    yield answering(title)
    log.append("exit")


class Instance(App):
    """The instance is the app."""

    def __init__(self, config: Config) -> None:
        self.config = config


class Manager(Instance):
    """The instance is the app, and its own context manager."""

    async def __aenter__(self) -> Any:
        log.append("enter")
        return self

    async def __aexit__(self, *_: object) -> None:
        log.append("exit")


class SilentManager(Manager):
    """As many context managers do, it returns nothing from `__aenter__`."""

    async def __aenter__(self) -> None:
        log.append("enter")


class Maker:
    """The instance is a context manager that gives the app, and no app itself."""

    def __init__(self, config: Config) -> None:
        self.config = config

    async def __aenter__(self) -> Any:
        log.append("enter")
        return answering(title)

    async def __aexit__(self, *_: object) -> None:
        log.append("exit")


def function_that_gives_a_manager(config: Config) -> AbstractAsyncContextManager[Any]:
    return Maker(config)


async def coroutine_function_that_gives_a_manager(config: Config) -> Any:
    return Manager(config)


class Factory:
    """An object of which a method gives the app."""

    def method(self, config: Config) -> Any:
        return answering(title)

    def __call__(self, config: Config) -> Any:
        return answering(title)


def function_with_more(config: Config, other: str) -> Any:
    assert other == "bound"
    return answering(title)


def function_with_defaults(config: Config, debug: bool = False, name: int | None = None) -> Any:
    assert debug is False
    assert name is None
    return answering(title)


FACTORIES = [
    function,
    coroutine_function,
    Instance,
    Factory().method,
    Factory(),
    partial(function_with_more, other="bound"),
    function_with_defaults,
    lambda: answering(title),
]
ENTERED_FACTORIES = [
    async_generator_function,
    context_manager_function,
    Manager,
    SilentManager,
    Maker,
    function_that_gives_a_manager,
    coroutine_function_that_gives_a_manager,
]


def name_of(factory: Any) -> str:
    return getattr(factory, "__name__", type(factory).__name__)


@pytest.mark.parametrize("factory", FACTORIES, ids=name_of)
async def test_factory_is_called_with_keys_of_the_app_scope(factory: Any) -> None:
    """Whatever gives an app is a factory, and its parameters are filled."""
    log.clear()
    root = Container(open_config(log)).asgi(factory)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "title"
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert running.error is None
    assert log == ["config opens", "config closes"]


@pytest.mark.parametrize("factory", ENTERED_FACTORIES, ids=name_of)
async def test_factory_is_entered_inside_the_app_scope(factory: Any) -> None:
    """A factory with an end of its own is left before what it was given is released (G2)."""
    log.clear()
    root = Container(open_config(log)).asgi(factory)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "title"
        assert log == ["config opens", "enter"]
    assert running.error is None
    assert log == ["config opens", "enter", "exit", "config closes"]


async def plain_app(scope: Any, receive: Receive, send: Send) -> None:
    await answering(title)(scope, receive, send)


async def app_with_other_names(a, b, c) -> None:
    await answering(title)(a, b, c)


async def annotated_app(
    scope: StarletteScope, receive: StarletteReceive, send: StarletteSend
) -> None:
    await answering(title)(scope, receive, send)


async def endpoint(request: Request) -> Response:
    return PlainTextResponse(await title())


def fastapi_app() -> FastAPI:
    app = FastAPI()
    app.get("/")(endpoint)
    return app


class AppAndMore:
    """Its method is an ASGI app."""

    async def method(self, scope: Any, receive: Receive, send: Send) -> None:
        await answering(title)(scope, receive, send)


APPS = [
    plain_app,
    app_with_other_names,
    annotated_app,
    App(),
    AppAndMore().method,
    Starlette(routes=[Route("/", endpoint)]),
    fastapi_app(),
    Container(open_config([])).asgi(plain_app),
]


@pytest.mark.parametrize("app", APPS, ids=name_of)
async def test_app_itself_may_stand_for_its_factory(app: Any) -> None:
    """Where nothing has to be made, the root takes the app."""
    seen: list[str] = []
    root = Container(open_config(seen)).asgi(app)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "title"
    assert running.error is None
    assert seen == ["config opens", "config closes"]


async def test_factory_parameters_live_in_the_app_scope() -> None:
    """What a factory gets is what requests get."""
    got: list[Config] = []

    def factory(config: Config) -> Any:
        async def same() -> str:
            return str(await current_scope().get(Config) is config)

        got.append(config)
        return answering(same)

    root = Container(open_config([])).asgi(factory)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "True"
    assert len(got) == 1


async def test_nothing_happens_before_the_lifespan() -> None:
    """A root can be made at import: no provider and no factory runs until the server says so."""
    log.clear()
    root = Container(open_config(log)).asgi(async_generator_function)
    assert log == []
    async with lifespan(root):
        assert log == ["config opens", "enter"]


async def test_each_lifespan_makes_its_own_app() -> None:
    """One root may be started again, with a new app and new objects."""
    log.clear()
    root = Container(open_config(log)).asgi(async_generator_function)
    for _ in range(2):
        async with lifespan(root):
            pass
    assert log == ["config opens", "enter", "exit", "config closes"] * 2


async def test_value_for_a_supplied_key_is_handed_to_the_factory() -> None:
    """`values=` of `asgi` fills what is declared with `supplied`."""

    def factory(number: int) -> Any:
        async def answer() -> str:
            return str(number)

        return answering(answer)

    root = Container(supplied(int, scope="app")).asgi(factory, values={int: 7})
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "7"


# --- mistakes that are found at once --------------------------------------------------------


def test_factory_parameter_without_provider_is_an_error_at_once() -> None:
    """A parameter that nothing provides is found by `container.asgi`, not at start (G14)."""
    with pytest.raises(MissingProviderError, match=r"  function\(config\) ") as caught:
        Container().asgi(function)
    assert pointed_at(caught.value) == ["config"]


@pytest.mark.parametrize("factory", [*FACTORIES[:3], *ENTERED_FACTORIES], ids=name_of)
def test_every_kind_of_factory_is_checked_at_once(factory: Any) -> None:
    """All kinds of factories with parameters are checked (G14)."""
    with pytest.raises(MissingProviderError):
        Container().asgi(factory)


def test_factory_parameter_of_a_request_is_an_error_at_once() -> None:
    """The factory lives as long as the app, and cannot keep what lives for a request (G14)."""

    def factory(session: Session) -> Any: ...

    with pytest.raises((CaptiveDependencyError, ScopeOrderError)):
        Container(open_sessions([], "request")).asgi(factory)


def test_factory_parameter_without_annotation_is_an_error_at_once() -> None:
    """A parameter that says nothing is an error that names it."""

    def factory(config) -> Any: ...

    with pytest.raises(UnannotatedError, match='parameter "config"'):
        Container(open_config([])).asgi(factory)


def test_container_without_a_request_scope_cannot_serve() -> None:
    """The root needs a scope called "request"."""
    with pytest.raises(UnknownScopeError, match="request"):
        Container(scopes=("app", "job")).asgi(plain_app)


def test_value_that_the_root_cannot_supply_is_an_error_at_once() -> None:
    """A value that is declared for the request scope is one that the root does not have (G14)."""
    with pytest.raises(SuppliedValueError):
        Container(supplied(int, scope="request")).asgi(plain_app)


# --- the app's own lifespan -----------------------------------------------------------------


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
async def test_own_lifespan_runs_inside_everything_else(framework: Any) -> None:
    """Providers, factory and the app's own lifespan start in this order, and end in reverse."""
    log: list[str] = []

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        log.append(f"lifespan starts with {await title()}")
        yield {"answer": "from the lifespan"}
        log.append(f"lifespan stops with {await title()}")

    async def answer(request: Request) -> Response:
        log.append("request")
        return PlainTextResponse(request.state.answer)

    async def factory(config: Config) -> AsyncIterator[Any]:
        log.append("factory enters")
        yield framework(routes=[Route("/", answer)], lifespan=own_lifespan)
        log.append("factory leaves")

    root = Container(open_config(log)).asgi(factory)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "from the lifespan"
    assert running.error is None
    assert log == [
        "config opens",
        "factory enters",
        "lifespan starts with title",
        "request",
        "lifespan stops with title",
        "factory leaves",
        "config closes",
    ]


async def test_state_of_the_lifespan_reaches_requests_of_servers_that_pass_none() -> None:
    """httpx's transport hands on no state; the root does it (G12)."""

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        yield {"answer": "from the lifespan"}

    async def answer(request: Request) -> Response:
        return PlainTextResponse(request.state.answer)

    app = Starlette(routes=[Route("/", answer)], lifespan=own_lifespan)
    root = Container().asgi(app)
    transport = httpx2.ASGITransport(root)
    async with (
        lifespan(root, with_state=False),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        assert (await client.get("/")).text == "from the lifespan"


async def test_state_of_one_request_does_not_reach_another() -> None:
    """What a request puts into the state is its own, also where the server passes none."""

    async def count(request: Request) -> Response:
        request.state.count = getattr(request.state, "count", 0) + 1
        return JSONResponse(request.state.count)

    root = Container().asgi(Starlette(routes=[Route("/", count)]))
    async with lifespan(root) as running:
        for state in (running.state, None, running.state, None):
            assert await get(root, state=state) == "1"


async def silent_app(scope: Any, receive: Receive, send: Send) -> None:
    """Returns from the lifespan without a word."""
    if scope["type"] == "http":
        await answering(title)(scope, receive, send)


async def asserting_app(scope: Any, receive: Receive, send: Send) -> None:
    """Has never heard of lifespans."""
    assert scope["type"] == "http"
    await answering(title)(scope, receive, send)


@pytest.mark.parametrize("app", [silent_app, asserting_app, plain_app], ids=name_of)
async def test_app_without_lifespan_support_is_served(app: Any) -> None:
    """An app that returns or raises before it receives anything has no lifespan (ASGI)."""
    log: list[str] = []
    root = Container(open_config(log)).asgi(app)
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]
        assert await get(root, state=running.state) == "title"
        assert log == ["config opens"]
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert running.error is None
    assert log == ["config opens", "config closes"]


async def test_start_is_complete_only_after_eager_providers_and_the_app() -> None:
    """The server hears `startup.complete` when everything is there, and not before (J06)."""
    log: list[str] = []
    may_go_on = anyio.Event()

    @provider(scope="app", eager=True)
    async def config() -> AsyncIterator[Config]:
        log.append("waits")
        await may_go_on.wait()
        log.append("ready")
        yield Config()

    class Notes(Lifespan):
        async def _send(self, message: Any) -> None:
            log.append(message["type"])
            await super()._send(message)

    running = Notes(Container(config).asgi(plain_app))
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(running.run, with_state=True))
            await anyio.wait_all_tasks_blocked()
            assert log == ["waits"]
            may_go_on.set()
            await running.start()
            assert log == ["waits", "ready", "lifespan.startup.complete"]
            await running.stop()


# --- failures at start and at stop ----------------------------------------------------------


def failing_provider(when: str, log: list[str], error: Exception) -> Any:
    @provider(scope="app")
    async def failing(config: Config) -> AsyncIterator[Session]:
        if when == "startup":
            raise error
        yield Session(1)
        raise error

    return Container(open_config(log), failing).asgi(plain_app)


def failing_factory(when: str, log: list[str], error: Exception) -> Any:
    async def factory(config: Config) -> AsyncIterator[Any]:
        if when == "startup":
            raise error
        yield plain_app
        raise error

    return Container(open_config(log)).asgi(factory)


def failing_lifespan(when: str, log: list[str], error: Exception) -> Any:
    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        if when == "startup":
            raise error
        yield
        raise error

    return Container(open_config(log)).asgi(Starlette(lifespan=own_lifespan))


def raising_app(when: str, log: list[str], error: Exception) -> Any:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if when == "startup":
            raise error
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise error

    return Container(open_config(log)).asgi(app)


FAILING = [failing_provider, failing_factory, failing_lifespan, raising_app]


@pytest.mark.parametrize("when", ["startup", "shutdown"])
@pytest.mark.parametrize("failing", FAILING)
async def test_failure_is_told_to_the_server_and_raised(failing: Any, when: str) -> None:
    """Whoever fails: the server is told, everything is released, the error is itself (G7, J06)."""
    log: list[str] = []
    error = Refused("this is why")
    async with lifespan(failing(when, log, error)) as running:
        pass
    expected = {
        "startup": ["lifespan.startup.failed"],
        "shutdown": ["lifespan.startup.complete", "lifespan.shutdown.failed"],
    }
    assert running.sent == expected[when]
    assert "this is why" in running.messages[-1]["message"]
    assert running.error is error
    assert log == ["config opens", "config closes"]


@pytest.mark.parametrize(("when", "doing"), [("startup", "acquiring"), ("shutdown", "releasing")])
async def test_failure_of_a_provider_is_told_with_its_name(when: str, doing: str) -> None:
    """What the server is told is a report: which provider, and where it is (G7, J06)."""
    async with lifespan(failing_provider(when, [], Refused("why"))) as running:
        pass
    assert f"while {doing} failing()" in running.messages[-1]["message"]
    assert "test_asgi.py" in running.messages[-1]["message"]


@pytest.mark.parametrize("when", ["startup", "shutdown"])
async def test_failure_that_the_app_only_sends_is_told_too(when: str) -> None:
    """An app that says `startup.failed` and returns is a failure with its message (J06)."""
    log: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        if when == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": f"lifespan.{when}.failed", "message": "this is why"})

    async with lifespan(Container(open_config(log)).asgi(app)) as running:
        pass
    assert running.messages[-1] == {"type": f"lifespan.{when}.failed", "message": "this is why"}
    assert "this is why" in str(running.error)
    assert log == ["config opens", "config closes"]


async def test_failed_start_serves_nothing() -> None:
    """After a failed start the root has no lifespan, and says so."""
    root = failing_provider("startup", [], Refused("why"))
    async with lifespan(root) as running:
        with pytest.raises(LifespanNotRunError):
            await get(root, state=running.state)


async def test_failed_start_can_be_tried_again() -> None:
    """A root whose start has failed can be started again."""
    attempts = iter([True, False])

    @provider(scope="app", eager=True)
    async def config() -> Config:
        if next(attempts):
            raise Refused
        return Config()

    root = Container(config).asgi(plain_app)
    async with lifespan(root) as running:
        assert isinstance(running.error, Refused)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "title"


async def test_several_failed_releases_are_one_error() -> None:
    """All releases run when some fail, and all of their errors come out together (G3)."""
    log: list[str] = []

    @provider(scope="app")
    async def first(config: Config) -> AsyncIterator[int]:
        yield 1
        raise Refused("first")

    @provider(scope="app")
    async def second(config: Config) -> AsyncIterator[str]:
        yield ""
        raise Refused("second")

    root = Container(open_config(log), first, second).asgi(plain_app)
    async with lifespan(root) as running:
        pass
    assert isinstance(running.error, ReleaseError)
    assert [str(error) for error in running.error.exceptions] == ["second", "first"]
    assert running.sent[-1] == "lifespan.shutdown.failed"
    assert log == ["config opens", "config closes"]


def test_failed_start_comes_out_of_the_test_client(
    anyio_backend_name: Any, anyio_backend_options: dict[str, Any]
) -> None:
    """Starlette's test client shows the original error of a failed start (G7)."""
    error = Refused("this is why")
    client = TestClient(
        failing_provider("startup", [], error),
        backend=anyio_backend_name,
        backend_options=anyio_backend_options,
    )
    with pytest.raises(Refused) as caught, client:
        pass
    assert caught.value is error


# --- which lifespan a request belongs to ----------------------------------------------------


async def test_request_before_the_lifespan_is_an_error_that_helps() -> None:
    """Without a lifespan the error names the root, the causes and the ways out (G12)."""
    root = Container(open_config([])).asgi(function)
    with pytest.raises(LifespanNotRunError) as caught:
        await get(root)
    text = str(caught.value)
    for hint in ("container.asgi(function)", "--lifespan on", "with TestClient(app)", "mounted"):
        assert hint in text
    assert caught.value.running == 0


async def test_request_after_the_lifespan_is_refused() -> None:
    """When the lifespan has ended, a late request gets a 503 and no dead object (G9, G12)."""
    root = Container(open_config([])).asgi(plain_app)
    async with lifespan(root) as running:
        state = dict(running.state)
    with pytest.raises(LifespanNotRunError):
        await get(root)
    assert await get(root, state=state) == "Service Unavailable"


@pytest.mark.parametrize("enter", [True, False])
def test_test_client_has_to_be_entered(serve: Serve, *, enter: bool) -> None:
    """A test client that was not entered runs no lifespan: the error says so (G12)."""
    root = Container(open_config([])).asgi(plain_app)
    if enter:
        assert serve(root).get("/").text == "title"
    else:
        with TestClient(serve(root).app) as other:
            assert other.get("/").text == "title"
        with pytest.raises(LifespanNotRunError, match=r"with TestClient\(app\)"):
            TestClient(Container().asgi(plain_app)).get("/")


async def number() -> str:
    """The number of the session that lives as long as the app of the request."""
    return (await current_scope().get(Session)).read()


async def test_two_lifespans_in_one_loop_are_told_apart_by_the_state() -> None:
    """A request finds its own app scope through the state that the server hands on (G12)."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    async with lifespan(root) as first, lifespan(root) as second:
        assert await get(root, state=first.state) == "session 1"
        assert await get(root, state=second.state) == "session 2"
        assert await get(root, state=first.state) == "session 1"


async def test_two_lifespans_in_one_loop_without_state_are_an_error() -> None:
    """Without state the root does not guess, least of all the last one (G12)."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    async with lifespan(root):
        async with lifespan(root, with_state=False):
            with pytest.raises(LifespanNotRunError, match="state") as caught:
                await get(root)
            assert caught.value.running == 2
        assert await get(root) == "session 1"


async def test_one_lifespan_is_found_without_state() -> None:
    """Where there is only one, a server that passes no state is fine (G12)."""
    root = Container(open_sessions([], "app")).asgi(answering(number))
    async with lifespan(root, with_state=False):
        assert await get(root) == "session 1"
        assert await get(root, state={}) == "session 1"


async def test_two_roots_of_one_container_do_not_meet() -> None:
    """Each root has an app scope of its own, also on one server (G12)."""
    container = Container(open_sessions([], "app"))
    one, two = container.asgi(answering(number)), container.asgi(answering(number))
    async with lifespan(one) as first, lifespan(two) as second:
        both = {**first.state, **second.state}
        assert await get(one, state=both) == "session 1"
        assert await get(two, state=both) == "session 2"
        assert await get(one) == "session 1"


def test_two_event_loops_in_two_threads(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """One root serves two event loops at once; each has its own app scope (G12)."""
    log: list[str] = []
    root = Container(open_sessions(log, "app")).asgi(answering(number))
    barrier = threading.Barrier(2, timeout=LIMIT)
    answers: list[set[str]] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        async with lifespan(root, with_state=False):
            await anyio.to_thread.run_sync(barrier.wait)
            answers.append({await get(root) for _ in range(20)})
            await anyio.to_thread.run_sync(barrier.wait)

    def run() -> None:
        try:
            anyio.run(serve, backend=anyio_backend_name, backend_options=anyio_backend_options)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(answers, key=str) == [{"session 1"}, {"session 2"}]
    assert sorted(log) == ["commit 1", "commit 2", "open 1", "open 2"]


# --- what the inner app is given ------------------------------------------------------------


async def test_other_types_of_connections_pass_through_untouched() -> None:
    """What is neither HTTP nor WebSocket reaches the app as it came, without a scope (J09)."""
    given: list[Any] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] != "lifespan"
        with pytest.raises(NoScopeError):
            current_scope()
        given.extend([scope, receive, send])

    async def receive() -> Any: ...
    async def send(message: Any) -> None: ...

    root = Container().asgi(app)
    async with lifespan(root):
        asgi_scope = {"type": "mqtt", "topic": "a"}
        await root(asgi_scope, receive, send)
    assert given[0] is asgi_scope
    assert given[1:] == [receive, send]
    assert (asgi_scope["type"], asgi_scope["topic"]) == ("mqtt", "a")


async def test_scope_of_a_connection_is_the_servers_own_dict() -> None:
    """Middleware outside sees what the app writes into the ASGI scope (a router's `route`)."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        scope["seen"] = True

    root = Container().asgi(app)
    async with lifespan(root) as running:
        asgi_scope = http_scope(state=running.state)
        await root(asgi_scope, None, None)  # type: ignore[arg-type]
    assert asgi_scope["seen"] is True


def test_root_looks_like_an_asgi_3_app_and_not_like_a_factory() -> None:
    """Servers tell apps and factories apart by the signature of `__call__`."""
    root = Container().asgi(plain_app)
    assert inspect.iscoroutinefunction(root.__call__)
    assert list(inspect.signature(root).parameters) == ["scope", "receive", "send"]


def test_repr_of_a_root_names_its_factory() -> None:
    """Logs that show the app show where it comes from."""
    assert repr(Container(open_config([])).asgi(function)) == "<container.asgi(function)>"


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_plain_asgi_has_a_request_scope(kind: str) -> None:
    """Below the root, `current_scope()` is the request's, whatever the app is written with."""
    log: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == kind
        log.append(current_scope().name)
        log.append((await current_scope().get(Session)).read())

    root = Container(open_sessions(log, "request")).asgi(app)
    async with lifespan(root) as running:
        asgi_scope = {**http_scope(state=running.state), "type": kind}
        await root(asgi_scope, None, None)  # type: ignore[arg-type]
        with pytest.raises(NoScopeError):
            current_scope()
    assert log == ["request", "open 1", "session 1", "commit 1"]


async def test_error_of_a_plain_asgi_app_rolls_back() -> None:
    """An exception that leaves the app arrives at the yield and goes on as itself (G3, G4)."""
    log: list[str] = []
    refused = Refused()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await current_scope().get(Session)
        raise refused

    root = Container(open_sessions(log, "request")).asgi(app)
    async with lifespan(root) as running:
        with pytest.raises(Refused) as caught:
            await get(root, state=running.state)
    assert caught.value is refused
    assert log == ["open 1", "roll back 1: Refused"]


async def test_scopes_of_the_users_own_around_the_request_are_opened_and_closed() -> None:
    """A scope between app and request belongs to the connection, and ends after the request."""
    log: list[str] = []

    class Tenant:
        pass

    @provider(scope="tenant")
    async def tenant() -> AsyncIterator[Tenant]:
        log.append("tenant opens")
        yield Tenant()
        log.append("tenant closes")

    async def both() -> str:
        await current_scope().get(Tenant)
        return (await current_scope().get(Session)).read()

    container = Container(
        tenant, open_sessions(log, "request"), scopes=("app", "tenant", "request", "call")
    )
    root = container.asgi(answering(both))
    async with lifespan(root) as running:
        await get(root, state=running.state)
    assert log == ["tenant opens", "open 1", "commit 1", "tenant closes"]


async def test_mounted_roots_of_two_containers_each_have_their_scope() -> None:
    """A root inside another root's app finds its own container's scope; the outer's is back after.

    (G12, J07)
    """
    inner_container = Container(open_sessions([], "request"))
    outer_container = Container(open_config([]))

    async def inner_endpoint(request: Request) -> Response:
        session = await inner_container.get(Session)
        config = await outer_container.get(Config)
        return PlainTextResponse(f"{session.read()} {config.title}")

    inner = inner_container.asgi(Starlette(routes=[Route("/", inner_endpoint)]))

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        async with lifespan(inner):
            yield

    outer = outer_container.asgi(Starlette(routes=[Mount("/in", inner)], lifespan=own_lifespan))
    async with lifespan(outer) as running:
        assert await get(outer, "/in/", state=running.state) == "session 1 title"


# --- context variables ----------------------------------------------------------------------

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def value() -> str:
    return variable.get()


def set_by_provider(value: str) -> tuple[list[Any], Any]:
    @provider(scope="app", eager=True)
    async def config() -> AsyncIterator[Config]:
        token = variable.set(value)
        yield Config()
        variable.reset(token)  # fails in another context than that of the start

    return [config], answering(globals()["value"])


def set_by_factory(value: str) -> tuple[list[Any], Any]:
    async def factory() -> AsyncIterator[Any]:
        token = variable.set(value)
        yield answering(globals()["value"])
        variable.reset(token)

    return [], factory


def set_by_lifespan(value: str) -> tuple[list[Any], Any]:
    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        token = variable.set(value)
        yield
        variable.reset(token)

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(variable.get())

    return [], Starlette(routes=[Route("/", endpoint)], lifespan=own_lifespan)


SETTERS: list[Callable[[str], Any]] = [set_by_provider, set_by_factory, set_by_lifespan]


@pytest.mark.parametrize("setter", SETTERS)
async def test_context_variable_of_the_start_is_seen_by_requests(setter: Any) -> None:
    """What start-up sets in a context variable is there in every request, and only there (G6)."""
    providers, app = setter("set at start")
    root = Container(*providers).asgi(app)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "set at start"
        assert variable.get() == "unset"
    assert running.error is None


@pytest.mark.parametrize("setter", SETTERS)
async def test_value_of_an_outer_middleware_wins(setter: Any) -> None:
    """A variable that was set for this request is left alone (G6)."""
    providers, app = setter("set at start")
    root = Container(*providers).asgi(app)
    async with lifespan(root) as running:
        token = variable.set("set outside")
        assert await get(root, state=running.state) == "set outside"
        assert variable.get() == "set outside"
        variable.reset(token)


async def test_excluded_variable_does_not_flow() -> None:
    """`exclude=` names variables that stay in the lifespan (G6)."""
    providers, app = set_by_factory("set at start")
    root = Container(*providers).asgi(app, exclude=[variable])
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "unset"


async def test_decimal_context_never_flows() -> None:
    """A decimal context that start-up makes, which is mutable, is not shared by requests (G6)."""

    async def factory() -> Any:
        decimal.setcontext(decimal.Context(prec=5))
        return answering(precision)

    async def precision() -> str:
        return str(decimal.getcontext().prec)

    root = Container().asgi(factory)
    async with lifespan(root) as running:
        outside = decimal.getcontext().prec
        assert outside != 5
        assert await get(root, state=running.state) == str(outside)


async def test_value_that_is_taken_back_before_the_end_of_the_start_does_not_flow() -> None:
    """Only what is still different when the start is complete is a change (G6)."""

    async def factory() -> Any:
        token = variable.set("for a moment")
        variable.reset(token)
        return answering(value)

    root = Container().asgi(factory)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "unset"


# --- nothing grows --------------------------------------------------------------------------


async def test_objects_of_a_request_die_by_reference_count() -> None:
    """After a request its objects are freed without the garbage collector (G15)."""
    references: list[weakref.ref[Any]] = []

    async def note() -> str:
        scope = current_scope()
        session = await scope.get(Session)
        references.extend([weakref.ref(session), weakref.ref(scope)])
        return "noted"

    root = Container(open_sessions([], "request")).asgi(answering(note))
    async with lifespan(root) as running:
        await get(root, state=running.state)
        references.clear()
        gc.collect()
        gc.disable()
        try:
            await get(root, state=running.state)
            assert [reference() for reference in references] == [None, None]
        finally:
            gc.enable()


async def test_ten_thousand_requests_leave_nothing() -> None:
    """The number of tracked objects does not grow with the number of requests (J13, G15)."""

    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await current_scope().get(Session)

    root = Container(session).asgi(app)

    async def request(times: int) -> int:
        for _ in range(times):
            await root(http_scope(state=running.state), None, None)  # type: ignore[arg-type]
        await anyio.lowlevel.checkpoint()  # in which trio clears deadlines that are over
        gc.collect()
        return len(gc.get_objects())

    async with lifespan(root) as running:
        before = await request(10)
        # Trio keeps up to a thousand deadlines that are over, of two objects each.
        allowed = 2_500 if sniffio.current_async_library() == "trio" else 100
        assert await request(10_000) - before < allowed
