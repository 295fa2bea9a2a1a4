"""The application of the page "Test with pytest"."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Mailer:
    """Sends mails, for real."""

    async def send(self, text: str) -> None:
        raise ConnectionError("there is no mail server here")


class Store:
    """A database: what was written, and committed."""

    def __init__(self) -> None:
        self.orders: list[str] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[list[str]]:
        written: list[str] = []
        yield written
        self.orders += written


Transaction = list[str]


class OrderService:
    """Takes orders. It knows a transaction and a mailer, and nothing of lifescope."""

    def __init__(self, transaction: Transaction, mailer: Mailer) -> None:
        self._transaction = transaction
        self._mailer = mailer

    async def place(self, item: str) -> None:
        self._transaction.append(item)
        await self._mailer.send(f"ordered: {item}")


@provider(scope="request")
async def transaction(store: Store) -> AsyncIterator[Transaction]:
    async with store.transaction() as written:
        yield written


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/orders/{item}", status_code=201)
    async def place(item: str, service: Inject[OrderService]) -> None:
        await service.place(item)

    @app.get("/orders")
    async def orders(store: Inject[Store]) -> list[str]:
        return store.orders

    return app


container = Container(
    provider(Mailer, scope="app"),
    provider(Store, scope="app"),
    provider(OrderService, scope="request"),
    transaction,
)
app = container.asgi(create_app)
