"""How a parameter may be written: aliases, defaults, further metadata, any order."""

from typing import Annotated, Any, Generic, TypeVar

import pytest
from fastapi import Body, Cookie, Depends, FastAPI, Header, Path, Query

from frameworks import deferred_views
from integrations.driving import Serve, Session, open_sessions
from lifescope import Container, Named, provider
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")

T = TypeVar("T")


class Row:
    """What a repository keeps."""


class Column:
    """What another one keeps."""


class Repository(Generic[T]):
    """A generic class, made by one provider for all types."""

    def __init__(self, form: type[T]) -> None:
        self.form = form

    @property
    def title(self) -> str:
        return self.form.__name__


@provider(scope="request")
def repository(form: type[T]) -> Repository[T]:
    return Repository(form)


SessionParameter = Inject[Session]
Rows = Repository[Row]


def client_for(serve: Serve, *endpoints: Any, container: Container | None = None) -> Any:
    """A client for an app with *endpoints*, each at the path of its name."""
    app = FastAPI()
    for endpoint in endpoints:
        app.post(f"/{endpoint.__name__}")(endpoint)
    return serve((container or Container(open_sessions([], "request"))).asgi(app))


def test_alias_of_an_injected_type(serve: Serve) -> None:
    """`SessionParameter = Inject[Session]` is written once and used everywhere."""

    async def endpoint(session: SessionParameter) -> str:
        return session.read()

    def sync(session: SessionParameter, again: SessionParameter) -> bool:
        return session is again

    client = client_for(serve, endpoint, sync)
    assert client.post("/endpoint").json() == "session 1"
    assert client.post("/sync").json() is True


def test_generic_aliases(serve: Serve) -> None:
    """`Inject[Repository[Row]]`, spelled out or by a name for it, are one key."""

    @provider(scope="request")
    def rows() -> Repository[Row]:
        return Repository(Row)

    @provider(scope="request")
    def columns() -> Repository[Column]:
        return Repository(Column)

    async def endpoint(
        rows: Inject[Rows], same: Inject[Repository[Row]], columns: Inject[Repository[Column]]
    ) -> list[Any]:
        return [rows is same, rows.title, columns.title]

    client = client_for(serve, endpoint, container=Container(rows, columns))
    assert client.post("/endpoint").json() == [True, "Row", "Column"]


def test_default_of_an_injected_parameter_is_not_used(serve: Serve) -> None:
    """`= None` and other defaults are for calls by hand; any order of defaults is legal."""

    async def endpoint(
        q: str = "q",
        session: Inject[Session] = None,  # type: ignore[assignment]
        other: Inject[Session] = Session(99),  # noqa: B008
        limit: int = 5,
    ) -> list[Any]:
        return [q, session.read(), other is session, limit]

    client = client_for(serve, endpoint)
    assert client.post("/endpoint").json() == ["q", "session 1", True, 5]
    assert client.post("/endpoint?q=x&limit=1").json() == ["x", "session 2", True, 1]


def test_metadata_around_and_inside(serve: Serve) -> None:
    """Further metadata may stand on both sides of `Inject`, and a `Named` inside of it."""

    async def endpoint(
        around: Annotated[Inject[Session], "more"],
        twice: Annotated[Annotated[Inject[Session], "more"], "still more"],
        named: Inject[Annotated[str, Named("title")]],
        both: Annotated[Inject[Annotated[str, "more", Named("title")]], "more"],
        plain: Inject[str],
    ) -> list[Any]:
        return [around is twice, named, both, plain]

    container = Container(
        open_sessions([], "request"),
        provider(lambda: "Sir", scope="app", provides=str, name="title"),
        provider(lambda: "text", scope="app", provides=str),
    )
    client = client_for(serve, endpoint, container=container)
    assert client.post("/endpoint").json() == [True, "Sir", "Sir", "text"]


@pytest.mark.parametrize("provided", [True, False])
def test_optional_parameter(serve: Serve, *, provided: bool) -> None:
    """`Inject[T | None]` is None without a provider, with any default or none at all."""

    async def endpoint(
        one: Inject[Session | None],
        two: Inject[Session | None] = None,
        three: Annotated[Inject[Session | None], "more"] = Session(99),  # noqa: B008
    ) -> list[Any]:
        return [session and session.read() for session in (one, two, three)]

    container = Container(*[open_sessions([], "request")] * provided)
    client = client_for(serve, endpoint, container=container)
    assert client.post("/endpoint").json() == ["session 1" if provided else None] * 3


def test_injected_parameters_between_all_others(serve: Serve) -> None:
    """Path, query, header, cookie and body keep their values wherever `Inject` stands."""
    app = FastAPI()

    def agent(session: Inject[Session], user_agent: Annotated[str, Header()]) -> str:
        return f"{user_agent} {session.number}"

    @app.put("/items/{number}/{name}")
    async def endpoint(
        number: int,
        first: Inject[Session],
        name: Annotated[str, Path(max_length=3)],
        body: Annotated[dict[str, int], Body()],
        second: Inject[Session],
        agent: Annotated[str, Depends(agent)],
        third: Inject[Session],
        *,
        q: Annotated[list[str], Query()] = [],  # noqa: B006
        fourth: Inject[Session],
        ads: Annotated[str | None, Cookie()] = None,
    ) -> list[Any]:
        same = first is second is third is fourth
        return [number, name, body, agent, q, ads, same]

    client = serve(Container(open_sessions([], "call")).asgi(app))
    client.cookies.set("ads", "no")
    answer = client.put(
        "/items/3/abc?q=x&q=y", json={"size": 1}, headers={"user-agent": "tests"}
    ).json()
    assert answer == [3, "abc", {"size": 1}, "tests 1", ["x", "y"], "no", True]
    refused = client.put("/items/x/abcd", json={"size": "large"})
    places = [".".join(error["loc"]) for error in refused.json()["detail"]]
    assert (refused.status_code, places) == (422, ["path.number", "path.name", "body.size"])


def test_one_body_is_not_embedded_because_of_an_injected_parameter(serve: Serve) -> None:
    """A single body parameter stays the whole body."""

    async def endpoint(session: Inject[Session], body: Annotated[list[int], Body()]) -> int:
        return sum(body)

    assert client_for(serve, endpoint).post("/endpoint", json=[1, 2]).json() == 3


def test_name_of_an_injected_parameter_is_free(serve: Serve) -> None:
    """A query parameter of the same name has no influence on what is injected."""

    async def endpoint(session: Inject[Session], request: Inject[str]) -> list[str]:
        return [session.read(), request]

    container = Container(open_sessions([], "request"), values={str: "text"})
    client = client_for(serve, endpoint, container=container)
    answer = client.post("/endpoint?session=5&request=7", json={"session": 5})
    assert answer.json() == ["session 1", "text"]


@pytest.mark.parametrize(
    "path", ["/function/5", "/sync/5", "/method/5", "/dependency/5", "/alias/5", "/view/5"]
)
def test_deferred_annotations(serve: Serve, path: str) -> None:
    """A module with `from __future__ import annotations` needs no care, whatever the form."""
    client = serve(deferred_views.container.asgi(deferred_views.create_app))
    assert client.get(path).json() == ["clock 1", 5]
    assert client.get(path).json() == ["clock 2", 5]
    operation = client.get("/openapi.json").json()["paths"][path.replace("5", "{number}")]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["number"]
