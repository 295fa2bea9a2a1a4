"""Dependencies with `yield` that see the endpoint's error, and answer it or raise it again."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

OWNERS = {"kettle": "Ada", "pot": "Grace"}


class OwnerError(Exception):
    """The item is somebody else's."""


class User:
    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, item: str) -> str:
        """The item, if there is one, and if it is the user's own."""
        if item == "spoon":
            raise RuntimeError("there is no spoon")
        if item not in OWNERS:
            raise HTTPException(404, "no such item")
        if OWNERS[item] != self.name:
            raise OwnerError(OWNERS[item])
        return item


def as_fastapi_shows() -> FastAPI:
    outcomes: list[str] = []

    def current_user() -> Iterator[User]:
        try:
            yield User("Ada")
        except OwnerError as error:
            outcomes.append("OwnerError")
            raise HTTPException(400, f"belongs to {error}") from error
        except Exception as error:
            outcomes.append(type(error).__name__)
            raise
        else:
            outcomes.append("fine")

    app = FastAPI()

    @app.get("/items/{item}")
    def read_item(item: str, user: Annotated[User, Depends(current_user)]) -> str:
        return user.check(item)

    @app.get("/outcomes")
    async def read_outcomes() -> list[str]:
        return outcomes

    return app


class Outcomes(list[str]):
    """How requests have ended."""


# A provider sees the error too, whoever handles it. But it makes no response of it: what an
# error means for a client is said where FastAPI looks for it, in an exception handler.
@provider(scope="request")
async def current_user(outcomes: Outcomes) -> AsyncIterator[User]:
    try:
        yield User("Ada")
    except Exception as error:
        outcomes.append(type(error).__name__)
        raise
    else:
        outcomes.append("fine")


async def belongs_to_somebody(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"belongs to {error}"}, status_code=400)


def create_app() -> FastAPI:
    app = FastAPI(exception_handlers={OwnerError: belongs_to_somebody})

    @app.get("/items/{item}")
    def read_item(item: str, user: Inject[User]) -> str:
        return user.check(item)

    @app.get("/outcomes")
    async def read_outcomes(outcomes: Inject[Outcomes]) -> list[str]:
        return outcomes

    return app


@provider(scope="app")
def no_outcomes() -> Outcomes:
    return Outcomes()


with_inject = Container(no_outcomes, current_user).asgi(create_app)
