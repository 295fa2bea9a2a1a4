"""Hands what the bus brings to those who listen in this process. Knows no web, no lifescope."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from chat.backend import Bus
from chat.messages import Message


class Hub:
    """Gives each message to every listener of its room, without ever waiting for one."""

    def __init__(self, bus: Bus, backlog: int = 100) -> None:
        """Let each listener be at most *backlog* messages behind."""
        self._bus = bus
        self._backlog = backlog
        self._listeners = defaultdict[str, set[MemoryObjectSendStream[Message]]](set)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Hand out messages until cancelled; raises when the bus fails."""
        async with self._bus.listen() as messages:
            task_status.started()
            async for message in messages:
                self._hand_out(message)

    def _hand_out(self, message: Message) -> None:
        for listener in tuple(self._listeners.get(message.room, ())):
            try:
                listener.send_nowait(message)
            except anyio.WouldBlock:  # it gets what is waiting for it, and then the end
                self._leave(message.room, listener)
                listener.close()

    @contextmanager
    def listen(self, room: str) -> Generator[MemoryObjectReceiveStream[Message]]:
        """Give a stream of what happens in *room* during the block."""
        send, receive = anyio.create_memory_object_stream[Message](self._backlog)
        self._listeners[room].add(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._leave(room, send)

    def _leave(self, room: str, listener: MemoryObjectSendStream[Message]) -> None:
        self._listeners[room].discard(listener)
        if not self._listeners[room]:
            del self._listeners[room]
