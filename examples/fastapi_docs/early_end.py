"""`Depends(scope="function")` ends before the response is sent: the scope "call"."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Account:
    """Refuses, when it is closed, what has been booked: as a commit may."""

    def __init__(self, balance: int) -> None:
        self.balance = balance

    def close(self) -> None:
        if self.balance < 0:
            raise HTTPException(409, "overdrawn")


def as_fastapi_shows() -> FastAPI:
    def open_account() -> Iterator[Account]:
        account = Account(100)
        yield account
        account.close()

    app = FastAPI()

    @app.post("/withdraw")
    def withdraw(
        amount: int, account: Annotated[Account, Depends(open_account, scope="function")]
    ) -> str:
        account.balance -= amount
        return f"here are {amount}"

    return app


@provider(scope="call")
def open_account() -> Iterator[Account]:
    account = Account(100)
    yield account
    account.close()


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/withdraw")
    def withdraw(amount: int, account: Inject[Account]) -> str:
        account.balance -= amount
        return f"here are {amount}"

    return app


with_inject = Container(open_account).asgi(create_app)
