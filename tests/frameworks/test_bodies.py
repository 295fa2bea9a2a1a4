"""While a response is made and sent: response models and streams."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, computed_field

from frameworks.forms import LOOPS, SCOPES
from integrations.driving import Noting, Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


# --- response models ------------------------------------------------------------------------


class Order:
    """Its attribute is read from the session when it is asked for, as an ORM's may be."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def lazy(self) -> str:
        return self._session.read()


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    lazy: str


class Report(BaseModel):
    """Reads from the session while it is serialised."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _session: Session

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lazy(self) -> str:
        return self._session.read()


def report_of(session: Session) -> Report:
    report = Report()
    report._session = session
    return report


def add_order_routes(app: FastAPI) -> None:
    @app.get("/async", response_model=OrderOut)
    async def asynchronous(session: Inject[Session]) -> Order:
        return Order(session)

    @app.get("/sync", response_model=OrderOut)
    def synchronous(session: Inject[Session]) -> Order:
        return Order(session)

    @app.get("/list", response_model=list[OrderOut])
    async def several(session: Inject[Session]) -> list[Order]:
        return [Order(session)]

    @app.get("/computed")
    async def computed(session: Inject[Session]) -> Report:
        return report_of(session)

    @app.get("/dependency", response_model=OrderOut)
    def from_dependency(order: Annotated[Order, Depends(order_of)]) -> Order:
        return order


def order_of(session: Inject[Session]) -> Order:
    return Order(session)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", ["/async", "/sync", "/list", "/computed", "/dependency"])
def test_response_model_reads_from_a_live_object(serve: Serve, path: str, scope: str) -> None:
    """What a response model reads lazily is open: call-scoped things, too (G10, G11)."""
    log: list[str] = []
    app = FastAPI()
    add_order_routes(app)
    client = serve(Container(open_sessions(log, scope)).asgi(lambda: Noting(app, log)))
    answer = client.get(path).json()
    assert answer == ([{"lazy": "session 1"}] if path == "/list" else {"lazy": "session 1"})
    sent = ["http.response.start 200", "http.response.body"]
    expected = ["commit 1", *sent] if scope == "call" else [*sent, "commit 1"]
    assert log == ["open 1", *expected]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_response_that_does_not_fit_its_model_rolls_back(
    serve: Serve, kind: str, scope: str
) -> None:
    """An answer that the response model refuses is a failure of the endpoint (G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/async", response_model=int)
    async def asynchronous(session: Inject[Session]) -> str:
        return session.read()

    @app.get("/sync", response_model=int)
    def synchronous(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions(log, scope)).asgi(app), raises=False)
    assert client.get(f"/{kind}").status_code == 500
    assert log == ["open 1", "roll back 1: ResponseValidationError"]


# --- streams --------------------------------------------------------------------------------


def test_stream_of_a_dependency(serve: Serve) -> None:
    """A stream that a dependency has prepared reads from the request's object (J01)."""
    log: list[str] = []
    app = FastAPI()

    def lines(session: Inject[Session]) -> Iterator[str]:
        return (f"{number} {session.read()}\n" for number in range(2))

    async def kept(session: Inject[Session]) -> AsyncIterator[Session]:
        yield session
        log.append(f"dependency ends with {session.read()}")

    @app.get("/")
    async def endpoint(
        lines: Annotated[Any, Depends(lines)], kept: Annotated[Session, Depends(kept)]
    ) -> StreamingResponse:
        return StreamingResponse(lines)

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").text == "0 session 1\n1 session 1\n"
    assert log == ["open 1", "dependency ends with session 1", "commit 1"]
