"""Background tasks that endpoints and dependencies add."""

from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Outbox:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)


def as_fastapi_shows() -> FastAPI:
    outbox = Outbox()

    def note_query(background: BackgroundTasks, q: str | None = None) -> str | None:
        if q:
            background.add_task(outbox.write, f"query {q}")
        return q

    app = FastAPI()

    @app.post("/notify/{name}")
    async def notify(
        name: str, background: BackgroundTasks, q: Annotated[str | None, Depends(note_query)]
    ) -> str:
        background.add_task(outbox.write, f"letter to {name}")
        return f"sent, {q}"

    @app.get("/outbox")
    def read() -> list[str]:
        return outbox.lines

    return app


def note_query(
    background: BackgroundTasks, outbox: Inject[Outbox], q: str | None = None
) -> str | None:
    if q:
        background.add_task(outbox.write, f"query {q}")
    return q


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/notify/{name}")
    async def notify(
        name: str,
        background: BackgroundTasks,
        outbox: Inject[Outbox],
        q: Annotated[str | None, Depends(note_query)],
    ) -> str:
        background.add_task(outbox.write, f"letter to {name}")
        return f"sent, {q}"

    @app.get("/outbox")
    def read(outbox: Inject[Outbox]) -> list[str]:
        return outbox.lines

    return app


with_inject = Container(provider(Outbox, scope="app")).asgi(create_app)
