"""The user who makes the request, from a bearer token, with the scopes of a token."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

bearer = OAuth2PasswordBearer("token", scopes={"read": "to read", "write": "to write"})


@dataclass
class User:
    name: str
    scopes: list[str]
    is_active: bool = True


USERS = {
    "ada": User("Ada", ["read", "write"]),
    "grace": User("Grace", ["read"]),
    "alan": User("Alan", ["read", "write"], is_active=False),
}


def refused(scopes: SecurityScopes, detail: str) -> HTTPException:
    asked = f'Bearer scope="{scopes.scope_str}"' if scopes.scopes else "Bearer"
    return HTTPException(401, detail, headers={"WWW-Authenticate": asked})


def as_fastapi_shows() -> FastAPI:
    def user_of(scopes: SecurityScopes, token: Annotated[str, Depends(bearer)]) -> User:
        user = USERS.get(token)
        if user is None:
            raise refused(scopes, "unknown token")
        if any(scope not in user.scopes for scope in scopes.scopes):
            raise refused(scopes, "not enough permissions")
        return user

    def active_user(user: Annotated[User, Security(user_of, scopes=["read"])]) -> User:
        if not user.is_active:
            raise HTTPException(400, "inactive user")
        return user

    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[User, Depends(active_user)]) -> User:
        return user

    @app.put("/me")
    def change(user: Annotated[User, Security(active_user, scopes=["write"])]) -> str:
        return f"changed {user.name}"

    @app.get("/status")
    def status(user: Annotated[User, Depends(user_of)]) -> str:
        return "fine"

    return app


class Accounts:
    """Where users are looked up; lives as long as the app."""

    def __init__(self, users: dict[str, User]) -> None:
        self._users = users

    def find(self, token: str) -> User | None:
        return self._users.get(token)


@provider(scope="app")
def accounts() -> Accounts:
    return Accounts(USERS)


# The security scheme, and what it asks for, belong to the schema: they stay with `Depends`.
def user_of(
    scopes: SecurityScopes, token: Annotated[str, Depends(bearer)], accounts: Inject[Accounts]
) -> User:
    user = accounts.find(token)
    if user is None:
        raise refused(scopes, "unknown token")
    if any(scope not in user.scopes for scope in scopes.scopes):
        raise refused(scopes, "not enough permissions")
    return user


def active_user(user: Annotated[User, Security(user_of, scopes=["read"])]) -> User:
    if not user.is_active:
        raise HTTPException(400, "inactive user")
    return user


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[User, Depends(active_user)]) -> User:
        return user

    @app.put("/me")
    def change(user: Annotated[User, Security(active_user, scopes=["write"])]) -> str:
        return f"changed {user.name}"

    @app.get("/status")
    def status(user: Annotated[User, Depends(user_of)]) -> str:
        return "fine"

    return app


with_inject = Container(accounts).asgi(create_app)
