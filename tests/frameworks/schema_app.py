"""One big FastAPI app, written once with injected parameters and once without.

`needed` is the annotation of the extra parameters; None leaves them away. They are put into the
signatures afterwards, at every position where a parameter can stand.
"""

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    Security,
    UploadFile,
)
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBearer,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OpenIdConnect,
    SecurityScopes,
)
from pydantic import BaseModel, Field, HttpUrl


class Kind(Enum):
    TEA = "tea"
    COFFEE = "coffee"


class Part(BaseModel):
    name: Annotated[str, Field(max_length=10, description="of the part")]
    parts: "list[Part]" = []


class Item(BaseModel):
    id: UUID
    kind: Kind = Kind.TEA
    part: Part | None = None
    model_config = {"json_schema_extra": {"examples": [{"id": str(UUID(int=1))}]}}


class Filters(BaseModel):
    limit: int = Field(10, gt=0, le=100)
    tags: list[str] = []


class Headers(BaseModel):
    x_one: str
    x_two: list[int] = []


class Cookies(BaseModel):
    session: str | None = None


class Login(BaseModel):
    name: str
    password: str


class Problem(BaseModel):
    detail: str


With = Callable[[Callable[..., Any]], Callable[..., Any]]


def with_parameters(needed: Any) -> With:
    """Adds parameters of the annotation *needed* around those of a function and in between."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        if needed is None:
            return function
        signature = inspect.signature(function)
        parameters: list[inspect.Parameter] = []
        for number, parameter in enumerate(signature.parameters.values()):
            parameters += [_injected(f"before_{number}", needed), parameter]
        parameters.append(_injected("last", needed))
        by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
        names = {each.name for each in parameters} - set(signature.parameters)

        def with_injected(**values: Any) -> Any:
            assert all(values.pop(name) is not None for name in names)
            return function(**values)

        with_injected.__name__ = function.__name__
        with_injected.__doc__ = function.__doc__
        with_injected.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=by_name
        )
        return with_injected

    return add


def _injected(name: str, needed: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=needed)


oauth_password = OAuth2PasswordBearer("token", scopes={"read": "to read", "write": "to write"})
oauth_code = OAuth2AuthorizationCodeBearer("authorize", "token", auto_error=False)
SCHEMES: list[Any] = [
    APIKeyCookie(name="key", auto_error=False),
    APIKeyHeader(name="x-key", auto_error=False),
    APIKeyQuery(name="key", auto_error=False),
    HTTPBasic(auto_error=False),
    HTTPBearer(auto_error=False, description="a token"),
    OpenIdConnect(openIdConnectUrl="/connect", auto_error=False),
]


def build(needed: Any) -> FastAPI:
    """The app; each endpoint and dependency has extra parameters, unless *needed* is None."""
    extra = with_parameters(needed)
    app = FastAPI(
        title="Shop",
        version="7",
        description="Everything that a schema can have.",
        dependencies=[Depends(extra(page))],
        responses={418: {"model": Problem, "description": "a teapot"}},
    )
    _add_plain(app, extra)
    _add_bodies(app, extra)
    _add_security(app, extra)
    _add_callbacks_and_webhooks(app, extra)
    _add_routers(app, extra)
    return app


def page(offset: Annotated[int, Query(ge=0, description="where to begin")] = 0) -> int:
    return offset


def _add_plain(app: FastAPI, extra: With) -> None:
    @app.get("/items/{number}/{kind}", tags=["items"], response_model=list[Item])
    @extra
    def every_place(
        number: Annotated[int, Path(title="Number", ge=1)],
        kind: Kind,
        q: Annotated[str | None, Query(alias="query", deprecated=True, min_length=2)] = None,
        several: Annotated[list[int], Query()] = [],  # noqa: B006
        user_agent: Annotated[str | None, Header()] = None,
        x_token: Annotated[list[str] | None, Header(convert_underscores=False)] = None,
        ads: Annotated[str | None, Cookie()] = None,
        hidden: Annotated[str | None, Query(include_in_schema=False)] = None,
    ) -> Any:
        """What it does, and *how*.

        At some length.
        """
        return []

    @app.get("/models/query")
    @extra
    def query_model(filters: Annotated[Filters, Query()]) -> dict[str, int]:
        return {"limit": filters.limit}

    @app.get("/models/header")
    @extra
    def header_model(headers: Annotated[Headers, Header()]) -> Headers:
        return headers

    @app.get("/models/cookie", deprecated=True)
    @extra
    def cookie_model(cookies: Annotated[Cookies, Cookie()]) -> Cookies:
        return cookies

    @app.get("/special", response_class=HTMLResponse, operation_id="special-one")
    @extra
    def special(
        request: Request, response: Response, background: BackgroundTasks, scopes: SecurityScopes
    ) -> str:
        return "<p>"

    @app.get("/file", response_class=FileResponse, include_in_schema=True)
    @extra
    def file() -> Any:
        return __file__

    @app.get("/hidden", include_in_schema=False)
    @extra
    def hidden() -> None: ...

    @app.delete("/items", status_code=204)
    @extra
    def delete() -> None: ...

    @app.api_route("/any", methods=["PATCH"], openapi_extra={"x-more": [1]})
    @extra
    def any_method(item: Item) -> Item | Problem:
        return item


def _add_bodies(app: FastAPI, extra: With) -> None:
    @app.post("/body/one", status_code=201, response_model_exclude_unset=True)
    @extra
    def one_body(item: Item) -> Item:
        return item

    @app.post("/body/embedded")
    @extra
    def embedded_body(item: Annotated[Item, Body(embed=True)]) -> None: ...

    @app.put("/body/two/{number}", responses={404: {"model": Problem}})
    @extra
    def two_bodies(
        number: int, item: Item, part: Part, importance: Annotated[int, Body(gt=0)] = 1
    ) -> None: ...

    @app.post("/body/scalar")
    @extra
    def scalar_body(number: Annotated[int, Body(examples=[5])]) -> int:
        return number

    @app.post("/form")
    @extra
    def form(name: Annotated[str, Form()], age: Annotated[int | None, Form()] = None) -> None: ...

    @app.post("/form/model")
    @extra
    def form_model(login: Annotated[Login, Form()]) -> str:
        return login.name

    @app.post("/file/one")
    @extra
    def one_file(content: Annotated[bytes, File()], note: Annotated[str, Form()] = "") -> int:
        return len(content)

    @app.post("/file/several")
    @extra
    async def several_files(files: list[UploadFile]) -> list[str | None]:
        return [each.filename for each in files]


def _add_security(app: FastAPI, extra: With) -> None:
    @extra
    def current_user(
        scopes: SecurityScopes, token: Annotated[str, Depends(oauth_password)]
    ) -> list[str]:
        return [*scopes.scopes, token]

    @extra
    def active_user(user: Annotated[list[str], Security(current_user, scopes=["read"])]) -> Any:
        return user

    @app.get("/me")
    @extra
    def me(user: Annotated[list[str], Security(active_user, scopes=["write"])]) -> list[str]:
        return user

    @app.post("/token")
    @extra
    def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> str:
        return form.username

    for number, scheme in enumerate([*SCHEMES, oauth_code]):

        @app.get(f"/security/{number}", dependencies=[Security(scheme)])
        @extra
        def secured(again: Annotated[Any, Depends(scheme)]) -> None: ...


def _add_callbacks_and_webhooks(app: FastAPI, extra: With) -> None:
    callbacks = APIRouter()

    @callbacks.post("{$callback_url}/invoices/{$request.body.id}")
    @extra
    def invoice(body: Item) -> Problem: ...

    @app.post("/invoices", callbacks=callbacks.routes)
    @extra
    def create_invoice(item: Item, callback_url: HttpUrl | None = None) -> None: ...

    @app.webhooks.post("new-subscription")
    @extra
    def new_subscription(body: Part, source: str = "web") -> None: ...


def _add_routers(app: FastAPI, extra: With) -> None:
    @extra
    def shop(
        shop: Annotated[str, Path(pattern="^[a-z]+$")], x_shop: Annotated[str, Header()]
    ) -> str:
        return shop + x_shop

    class Paging:
        def __init__(self, limit: int = 5, cursor: str | None = None) -> None:
            self.limit = limit

    inner = APIRouter(prefix="/inner", tags=["inner"], responses={402: {"description": "pay"}})

    @inner.get("/{number}", summary="A summary", response_description="An answer")
    @extra
    def inner_route(number: int, paging: Annotated[Paging, Depends()]) -> int:
        return number

    @inner.websocket("/ws")
    @extra
    async def websocket() -> None: ...

    outer = APIRouter(dependencies=[Depends(shop)], deprecated=True)
    outer.include_router(inner, prefix="/outer")
    app.include_router(outer, prefix="/{shop}", tags=["shop"])
