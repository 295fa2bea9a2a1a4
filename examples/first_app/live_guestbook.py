"""A guestbook that is live: the tutorial "Live, and in the background"."""

# --8<-- [start:imports]
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from guestbook import Guestbook, Signature, engine, session
from sqlalchemy.exc import IntegrityError

from lifescope import Background, Container, provider
from lifescope.integrations.fastapi import Inject

# --8<-- [end:imports]


# --8<-- [start:feed]
class Feed:
    """Hands every message to everybody who listens."""

    def __init__(self) -> None:
        self._listeners: set[MemoryObjectSendStream[str]] = set()

    def publish(self, message: str) -> None:
        for listener in self._listeners:
            with suppress(anyio.WouldBlock):  # who is a hundred messages behind misses some
                listener.send_nowait(message)

    @contextmanager
    def listen(self) -> Generator[MemoryObjectReceiveStream[str]]:
        send, receive = anyio.create_memory_object_stream[str](100)
        with send, receive:
            self._listeners.add(send)
            try:
                yield receive
            finally:
                self._listeners.remove(send)


# --8<-- [end:feed]


# --8<-- [start:news]
@provider(scope="request")
def news(feed: Feed) -> Iterator[MemoryObjectReceiveStream[str]]:
    with feed.listen() as news:
        yield news


# --8<-- [end:news]


# --8<-- [start:job]
async def announce(name: str, guestbook: Guestbook, feed: Feed) -> None:
    names = await guestbook.names()
    feed.publish(f"{name} is guest number {len(names)}")


# --8<-- [end:job]


# --8<-- [start:signed]
class Signed:
    """Who has signed during this request."""

    def __init__(self) -> None:
        self.names: list[str] = []


@provider(scope="request")
async def signed(background: Background) -> AsyncIterator[Signed]:
    signed = Signed()
    yield signed
    for name in signed.names:
        background.spawn(announce, name)


# --8<-- [end:signed]


# --8<-- [start:app]
def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/entries")
    async def entries(guestbook: Inject[Guestbook]) -> list[str]:
        return await guestbook.names()

    @app.post("/entries", status_code=201)
    async def sign(
        signature: Signature, guestbook: Inject[Guestbook], signed: Inject[Signed]
    ) -> None:
        signed.names.append(signature.name)
        try:
            await guestbook.sign(signature.name)
        except IntegrityError:
            raise HTTPException(409, f"{signature.name} has signed already") from None

    @app.websocket("/live")
    async def live(websocket: WebSocket, news: Inject[MemoryObjectReceiveStream[str]]) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(forward, news, websocket)
            with suppress(WebSocketDisconnect):
                while True:
                    await websocket.receive_text()  # nobody is expected to say anything
            tasks.cancel_scope.cancel()

    return app


async def forward(news: MemoryObjectReceiveStream[str], websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        async for message in news:
            await websocket.send_text(message)


# --8<-- [end:app]


# --8<-- [start:root]
container = Container(
    engine,
    session,
    provider(Guestbook, scope="call"),
    provider(Feed, scope="app"),
    news,
    signed,
)
app = container.asgi(create_app)
# --8<-- [end:root]
