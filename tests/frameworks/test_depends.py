"""`Depends` and `Inject` in one app: who gets what, what ends when, and who is told."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response

from frameworks.forms import SCOPES, Act, Form, Refused, known, read, refuse
from integrations.driving import Noting, Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


# --- what Depends may name ------------------------------------------------------------------


def depending_on(app: FastAPI, dependency: Any) -> None:
    @app.get("/")
    async def endpoint(text: Annotated[str, Depends(dependency)]) -> str:
        return text


def function(app: FastAPI, needed: Any, act: Act) -> None:
    async def ask(session: needed) -> str:
        return act(session)

    depending_on(app, ask)


def callable_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Ask:
        def __call__(self, session: needed) -> str:
            return act(session)

    depending_on(app, Ask())


def async_callable_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Ask:
        async def __call__(self, session: needed) -> str:
            return act(session)

    depending_on(app, Ask())


def generator_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Ask:
        async def __call__(self, session: needed) -> AsyncIterator[str]:
            yield act(session)

    depending_on(app, Ask())


def sync_generator_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Ask:
        def __call__(self, session: needed) -> Iterator[str]:
            yield act(session)

    depending_on(app, Ask())


def method(app: FastAPI, needed: Any, act: Act) -> None:
    class Views:
        async def ask(self, session: needed) -> str:
            return act(session)

    depending_on(app, Views().ask)


def class_with_a_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Views:
        def __init__(self, session: needed) -> None:
            self.session = session

        def ask(self) -> str:
            return act(self.session)

    @app.get("/")
    def endpoint(views: Annotated[Views, Depends()]) -> str:
        return views.ask()


def partial_function(app: FastAPI, needed: Any, act: Act) -> None:
    async def ask(number: int, session: needed) -> str:
        assert number == 5
        return act(session)

    depending_on(app, partial(ask, 5))


def sync_partial_function(app: FastAPI, needed: Any, act: Act) -> None:
    def ask(number: int, session: needed) -> str:
        assert number == 5
        return act(session)

    depending_on(app, partial(ask, 5))


def sub_dependency(app: FastAPI, needed: Any, act: Act) -> None:
    def inner(session: needed) -> Session:
        return session

    async def outer(inner: Annotated[Session, Depends(inner)]) -> AsyncIterator[str]:
        yield act(inner)

    depending_on(app, outer)


FORMS = known(
    [
        function,
        callable_object,
        async_callable_object,
        generator_object,
        sync_generator_object,
        method,
        class_with_a_method,
        sync_partial_function,
        sub_dependency,
    ],
    newer=[partial_function],
)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_dependency_is_filled(serve: Serve, form: Form, scope: str) -> None:
    """Whatever `Depends` may name can have injected parameters (J12)."""
    log: list[str] = []
    app = FastAPI()
    form(app, Inject[Session], read)
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").json() == "session 1"
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_dependency_tells_its_failure(serve: Serve, form: Form, scope: str) -> None:
    """An `HTTPException` that leaves a dependency, of whatever form, rolls back (J02, G4)."""
    log: list[str] = []
    app = FastAPI()
    form(app, Inject[Session], refuse)
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


# --- dependencies with yield ----------------------------------------------------------------


def holds(log: list[str], name: str) -> Any:
    async def dependency(session: Inject[Session]) -> AsyncIterator[str]:
        try:
            yield session.read()
        except Exception as error:
            log.append(f"{name} is told of {type(error).__name__}")
            raise
        finally:
            log.append(f"{name} ends with {session.read()}")

    return dependency


def holds_sync(log: list[str], name: str) -> Any:
    def dependency(session: Inject[Session]) -> Iterator[str]:
        try:
            yield session.read()
        except Exception as error:
            log.append(f"{name} is told of {type(error).__name__}")
            raise
        finally:
            log.append(f"{name} ends with {session.read()}")

    return dependency


HOLDERS = pytest.mark.parametrize("holds", [holds, holds_sync], ids=["async", "sync"])


@HOLDERS
def test_dependencies_of_both_scopes_end_before_what_they_hold(serve: Serve, holds: Any) -> None:
    """One ends before the response, one after it; the session outlives them both (G2, J12)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        early: Annotated[str, Depends(holds(log, "early"), scope="function")],
        late: Annotated[str, Depends(holds(log, "late"), scope="request")],
        session: Inject[Session],
    ) -> list[str]:
        log.append("endpoint")
        return [early, late, session.read()]

    root = Container(open_sessions(log, "request")).asgi(lambda: Noting(app, log))
    assert serve(root).get("/").json() == ["session 1"] * 3
    assert log == [
        "open 1",
        "endpoint",
        "early ends with session 1",
        "http.response.start 200",
        "http.response.body",
        "late ends with session 1",
        "commit 1",
    ]


@HOLDERS
@pytest.mark.parametrize("first", ["dependency", "parameter"])
def test_early_dependency_holds_a_call_scoped_object(serve: Serve, holds: Any, first: str) -> None:
    """A dependency that ends with the endpoint ends before the call-scoped object (G2, G11)."""
    log: list[str] = []
    app = FastAPI()
    early = Depends(holds(log, "early"), scope="function")

    @app.get("/dependency")
    async def dependency(text: Annotated[str, early], session: Inject[Session]) -> str:
        return text

    @app.get("/parameter")
    async def parameter(session: Inject[Session], text: Annotated[str, early]) -> str:
        return text

    root = Container(open_sessions(log, "call")).asgi(lambda: Noting(app, log))
    assert serve(root).get(f"/{first}").json() == "session 1"
    assert log == [
        "open 1",
        "early ends with session 1",
        "commit 1",
        "http.response.start 200",
        "http.response.body",
    ]


@HOLDERS
@pytest.mark.parametrize("scope", ["function", "request"])
@pytest.mark.parametrize("error", [HTTPException(409), Refused()], ids=["HTTPException", "own"])
def test_error_is_told_to_dependencies_and_providers(
    serve: Serve, holds: Any, scope: Any, error: Exception
) -> None:
    """The endpoint's error arrives at every yield, FastAPI's and ours (J02, G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.exception_handler(Refused)
    async def handle(request: Request, error: Refused) -> Response:
        return PlainTextResponse("refused", status_code=409)

    @app.get("/")
    async def endpoint(text: Annotated[str, Depends(holds(log, "it"), scope=scope)]) -> None:
        raise error

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").status_code == 409
    name = type(error).__name__
    assert log == [
        "open 1",
        f"it is told of {name}",
        "it ends with session 1",
        f"roll back 1: {name}",
    ]


@pytest.mark.parametrize("scope", SCOPES)
def test_dependency_that_makes_another_error_of_it(serve: Serve, scope: str) -> None:
    """A dependency may turn the endpoint's error into an `HTTPException`: still a failure (G4)."""
    log: list[str] = []
    app = FastAPI()

    def translate(session: Inject[Session]) -> Iterator[None]:
        try:
            yield
        except Refused:
            raise HTTPException(400, session.read()) from None

    @app.get("/")
    async def endpoint(
        session: Inject[Session],
        translated: Annotated[None, Depends(translate, scope="function")],
    ) -> None:
        raise Refused

    answer = serve(Container(open_sessions(log, scope)).asgi(app)).get("/")
    assert (answer.status_code, answer.json()) == (400, {"detail": "session 1"})
    assert log[0] == "open 1"
    assert log[1] in {"roll back 1: HTTPException", "roll back 1: Refused"}
    assert len(log) == 2


@pytest.mark.parametrize("scope", SCOPES)
def test_error_in_the_second_half_of_an_early_dependency(serve: Serve, scope: str) -> None:
    """A dependency that fails while it ends, before the response, makes it a failure (G4)."""
    log: list[str] = []
    app = FastAPI()

    async def fails(session: Inject[Session]) -> AsyncIterator[None]:
        yield
        raise HTTPException(409, session.read())

    @app.get("/")
    async def endpoint(none: Annotated[None, Depends(fails, scope="function")]) -> str:
        return "saved"

    answer = serve(Container(open_sessions(log, scope)).asgi(app)).get("/")
    assert (answer.status_code, answer.json()) == (409, {"detail": "session 1"})
    assert log == ["open 1", "roll back 1: HTTPException"]


def test_sub_dependencies_with_yield_nest_around_injected_objects(serve: Serve) -> None:
    """A chain of dependencies with yield, each with the session, ends from the inside (G2)."""
    log: list[str] = []
    app = FastAPI()
    innermost = holds(log, "a")

    async def middle(
        a: Annotated[str, Depends(innermost)], session: Inject[Session]
    ) -> AsyncIterator[str]:
        yield f"{a}, b"
        log.append(f"b ends with {session.read()}")

    def outermost(session: Inject[Session], b: Annotated[str, Depends(middle)]) -> Iterator[str]:
        yield f"{b}, c"
        log.append(f"c ends with {session.read()}")

    @app.get("/")
    def endpoint(c: Annotated[str, Depends(outermost)]) -> str:
        return c

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").json() == "session 1, b, c"
    assert log == [
        "open 1",
        "c ends with session 1",
        "b ends with session 1",
        "a ends with session 1",
        "commit 1",
    ]


# --- FastAPI's cache ------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [*SCOPES, "transient"])
def test_dependency_without_cache_is_called_again_with_the_same_object(
    serve: Serve, scope: str
) -> None:
    """`use_cache=False` is about the dependency; what it is given is up to its scope (A01)."""
    log: list[str] = []
    app = FastAPI()

    def ask(session: Inject[Session]) -> Session:
        log.append("asked")
        return session

    again = Annotated[Session, Depends(ask, use_cache=False)]
    kept = Annotated[Session, Depends(ask)]

    @app.get("/")
    async def endpoint(one: again, two: again, three: kept, four: kept) -> list[bool]:
        return [one is two, three is four]

    client = serve(Container(open_sessions([], scope)).asgi(app))
    assert client.get("/").json() == [scope != "transient", True]
    assert log in (["asked"] * 2, ["asked"] * 3)  # the cache may know the second call's result


# --- FastAPI's overrides --------------------------------------------------------------------


def needs_session(session: Inject[Session]) -> str:
    return f"original {session.read()}"


def needs_nothing() -> str:
    return "fake"


async def needs_session_too(session: Inject[Session], q: str = "-") -> AsyncIterator[str]:
    yield f"fake {session.read()} {q}"


def app_to_override() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        text: Annotated[str, Depends(needs_session)], session: Inject[Session]
    ) -> list[str]:
        return [text, session.read()]

    @app.get("/sync")
    def sync(session: Inject[Session], text: Annotated[str, Depends(needs_session)]) -> list[str]:
        return [text, session.read()]

    @app.get("/plain")
    async def plain(text: Annotated[str, Depends(needs_nothing)]) -> str:
        return text

    @app.get("/inject")
    async def inject(session: Inject[Session]) -> str:
        return session.read()

    return app


@pytest.mark.parametrize("path", ["/", "/sync"])
def test_overridden_dependency_that_needs_an_injected_object(serve: Serve, path: str) -> None:
    """`dependency_overrides` may be set and unset while the app runs, next to `Inject`."""
    app = app_to_override()
    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get(path).json() == ["original session 1", "session 1"]
    app.dependency_overrides[needs_session] = needs_nothing
    assert client.get(path).json() == ["fake", "session 2"]
    app.dependency_overrides[needs_session] = needs_session_too
    assert client.get(path, params={"q": "x"}).json() == ["fake session 3 x", "session 3"]
    app.dependency_overrides.clear()
    assert client.get(path).json() == ["original session 4", "session 4"]


def test_override_needs_what_nobody_asked_for_before(serve: Serve) -> None:
    """An override may ask for an object that no route asked for when the app started."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(text: Annotated[str, Depends(needs_nothing)]) -> str:
        return text

    client = serve(Container(open_sessions(log, "app")).asgi(app))
    assert client.get("/").json() == "fake"
    app.dependency_overrides[needs_nothing] = needs_session
    assert client.get("/").json() == "original session 1"
    assert client.get("/").json() == "original session 1"
    assert log == ["open 1"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", ["/", "/sync", "/inject"])
def test_routes_keep_their_promises_while_any_override_is_in_force(
    serve: Serve, path: str, scope: str
) -> None:
    """An override of something else changes nothing for injected parameters (J12)."""
    log: list[str] = []
    app = app_to_override()
    app.dependency_overrides[needs_nothing] = lambda: "another fake"
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert "session 1" in client.get(path).text
    assert client.get("/plain").json() == "another fake"
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("scope", SCOPES)
def test_override_that_refuses_rolls_back(serve: Serve, scope: str) -> None:
    """An error of an override counts like that of what it replaces (G4)."""
    log: list[str] = []
    app = app_to_override()

    def refuses(session: Inject[Session]) -> None:
        raise HTTPException(401)

    app.dependency_overrides[needs_session] = refuses
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").status_code == 401
    assert log == ["open 1", "roll back 1: HTTPException"]


def test_both_kinds_of_overrides_together(serve: Serve) -> None:
    """The container's override replaces the object, FastAPI's the function that needs it."""
    app = app_to_override()
    app.dependency_overrides[needs_session] = needs_session_too
    container = Container(open_sessions([], "request"))
    with container.override(Session, Session(99)):
        client = serve(container.asgi(app))
        assert client.get("/").json() == ["fake session 99 -", "session 99"]
