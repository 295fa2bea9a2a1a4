"""Dependencies of routes, routers and whole apps, which give nothing: they let in or refuse."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

TOKEN = "let me in"


class Contains:
    """A dependency with a parameter of its own: an object that can be called."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, q: str = "") -> bool:
        return self.text in q


def as_fastapi_shows() -> FastAPI:
    async def check_token(x_token: Annotated[str, Header()]) -> None:
        if x_token != TOKEN:
            raise HTTPException(400, "wrong token")

    def check_admin(x_role: Annotated[str, Header()] = "guest") -> None:
        if x_role != "admin":
            raise HTTPException(403, "for admins", headers={"x-needed": "admin"})

    async def check_nothing() -> str:
        return "what it returns is not used"

    admin = APIRouter(prefix="/admin", dependencies=[Depends(check_admin)])

    @admin.get("/users", dependencies=[Depends(check_nothing)])
    async def users() -> list[str]:
        return ["Ada"]

    app = FastAPI(dependencies=[Depends(check_token)])

    @app.get("/contains")
    async def contains(found: Annotated[bool, Depends(Contains("tea"))]) -> bool:
        return found

    app.include_router(admin)
    return app


@dataclass
class Rules:
    """Who is let in; an object of the application, which a test can replace."""

    token: str
    role: str


@provider(scope="app")
def rules() -> Rules:
    return Rules(TOKEN, "admin")


async def check_token(x_token: Annotated[str, Header()], rules: Inject[Rules]) -> None:
    if x_token != rules.token:
        raise HTTPException(400, "wrong token")


def check_admin(rules: Inject[Rules], x_role: Annotated[str, Header()] = "guest") -> None:
    if x_role != rules.role:
        raise HTTPException(403, "for admins", headers={"x-needed": rules.role})


@provider(scope="app")
def contains_tea() -> Contains:
    return Contains("tea")


def create_app() -> FastAPI:
    admin = APIRouter(prefix="/admin", dependencies=[Depends(check_admin)])

    @admin.get("/users")
    async def users() -> list[str]:
        return ["Ada"]

    app = FastAPI(dependencies=[Depends(check_token)])

    @app.get("/contains")
    async def contains(contains: Inject[Contains], q: str = "") -> bool:
        return contains(q)

    app.include_router(admin)
    return app


with_inject = Container(rules, contains_tea).asgi(create_app)
