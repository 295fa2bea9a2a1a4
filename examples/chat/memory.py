"""The backend of a single process."""

from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from chat.messages import Message, Visitor


class MemoryBackend:
    """Keeps everything in this process, for as long as it runs."""

    def __init__(self, history: int) -> None:
        self._said = defaultdict[str, deque[Message]](lambda: deque(maxlen=history))
        self._here: dict[str, Visitor] = {}
        self._listeners: set[MemoryObjectSendStream[Message]] = set()

    async def publish(self, message: Message) -> None:
        if message.kind == "said":
            self._said[message.room].append(message)
        for listener in tuple(self._listeners):
            await listener.send(message)

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[AsyncIterator[Message]]:
        send, receive = anyio.create_memory_object_stream[Message]()
        self._listeners.add(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._listeners.discard(send)

    async def latest(self, room: str) -> Sequence[Message]:
        return list(self._said[room]) if room in self._said else []

    async def add(self, visit: str, visitor: Visitor) -> None:
        self._here[visit] = visitor

    async def remove(self, visit: str, visitor: Visitor) -> None:
        self._here.pop(visit, None)

    async def people(self, room: str) -> Sequence[str]:
        return sorted({visitor.name for visitor in self._here.values() if visitor.room == room})

    async def rooms(self) -> Mapping[str, int]:
        return Counter(visitor.room for visitor in self._here.values())

    async def keep(self) -> None:
        await anyio.sleep_forever()  # who is here is here, until this process ends
