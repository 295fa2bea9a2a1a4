"""The application of the page "Test an application"."""

from collections.abc import AsyncIterator

from fastapi import FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject
from tested.orders import Mailer, Orders, Store, transaction


class SmtpMailer:
    """Stands for one that really sends something."""

    sender = "shop@example.com"

    async def send(self, to: str, text: str) -> None:
        raise ConnectionError("there is no mail server here")

    async def close(self) -> None: ...


@provider(scope="app")
async def smtp() -> AsyncIterator[Mailer]:
    mailer = SmtpMailer()
    yield mailer
    await mailer.close()


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/orders/{item}")
    async def order(item: str, customer: str, orders: Inject[Orders]) -> int:
        return await orders.place(item, customer)

    return app


container = Container(
    smtp,
    provider(Store, scope="app"),
    provider(transaction, scope="request"),
    provider(Orders, scope="request"),
)
app = container.asgi(create_app)
