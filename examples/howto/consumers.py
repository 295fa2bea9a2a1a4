"""What the page "Consume messages" shows."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
from fastapi import FastAPI

from lifescope import Container, OpenScope, provider
from lifescope.integrations.fastapi import Inject

logger = logging.getLogger(__name__)


class Queue:
    """Stands for RabbitMQ, Kafka, or a table of jobs."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self._waiting: list[str] = []
        self._changed = anyio.Event()

    def send(self, message: str) -> None:
        self._waiting.append(message)
        self._change()

    async def receive(self) -> AsyncIterator[str]:
        """The messages, for ever."""
        while True:
            await self.wait_for(lambda: bool(self._waiting))
            yield self._waiting.pop(0)

    def acknowledge(self, message: str) -> None:
        """*message* is not delivered again."""
        self.acknowledged.append(message)
        self._change()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class Ledger:
    """Stands for a database."""

    def __init__(self) -> None:
        self.entries: list[str] = []


class Entry:
    """Something that is written with its transaction, or not at all."""

    def __init__(self) -> None:
        self.text = ""


@provider(scope="app")
def queue() -> Queue:
    return Queue()


@provider(scope="app")
def ledger() -> Ledger:
    return Ledger()


@provider(scope="request")
def entry(ledger: Ledger) -> Iterator[Entry]:
    entry = Entry()
    yield entry
    ledger.entries.append(entry.text)  # not if the message has failed


# --8<-- [start:handle]
async def handle(message: str, entry: Entry) -> None:
    entry.text = message
    if message == "poison":
        raise ValueError("a message that nobody can read")


# --8<-- [end:handle]


# --8<-- [start:consumer]
class Consumer:
    def __init__(self, queue: Queue, app: OpenScope) -> None:
        self._queue = queue
        self._app = app

    async def run(self) -> None:
        async for message in self._queue.receive():
            with anyio.move_on_after(60, shield=True):  # what has been begun is finished
                await self._handle(message)

    async def _handle(self, message: str) -> None:
        try:
            async with self._app.open("request") as request:
                await request.call(handle, message)
        except Exception:
            logger.exception("a message has failed, and the next one has its turn")
        else:
            self._queue.acknowledge(message)  # its scope has ended, so it is committed


# --8<-- [end:consumer]


# --8<-- [start:provider]
@provider(scope="app", eager=True)  # nobody asks for it
async def consumer(queue: Queue, ledger: Ledger, app: OpenScope) -> AsyncIterator[Consumer]:
    consumer = Consumer(queue, app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(consumer.run)
        yield consumer
        tasks.cancel_scope.cancel()


# --8<-- [end:provider]


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/messages/{message}")
    async def send(message: str, queue: Inject[Queue]) -> None:
        queue.send(message)

    return app


container = Container(queue, ledger, entry, consumer)
app = container.asgi(create_app)
