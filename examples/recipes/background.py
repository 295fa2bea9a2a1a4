"""What the page "Do something after the response" shows."""

from collections.abc import AsyncIterator

import anyio
from fastapi import FastAPI

from lifescope import Background, Container, provider
from lifescope.integrations.fastapi import Inject

SENT: list[str] = []


class Mailbox:
    """A connection that lives as long as what is done with it."""

    is_open = True

    async def send(self, text: str) -> None:
        await anyio.lowlevel.checkpoint()
        assert self.is_open
        SENT.append(text)


@provider(scope="request")
async def mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    try:
        yield mailbox
    finally:
        mailbox.is_open = False


# --8<-- [start:spawn]
async def welcome(name: str, mailbox: Mailbox) -> None:
    await mailbox.send(f"Welcome, {name}")  # a mailbox of its own, not that of the request


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/users/{name}")
    async def sign_up(name: str, background: Inject[Background]) -> str:
        background.spawn(welcome, name)  # does not wait
        return "done"

    return app


# --8<-- [end:spawn]

app = Container(mailbox).asgi(create_app)
