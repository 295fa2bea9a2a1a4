"""Who is listening for new notes right now. Knows no web, no database and no lifescope."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream


class Feed:
    """Hands each published message to every listener, without ever waiting for one."""

    def __init__(self, backlog: int = 100) -> None:
        """Let each listener be at most *backlog* messages behind."""
        self._backlog = backlog
        self._listeners: set[MemoryObjectSendStream[str]] = set()

    @property
    def listeners(self) -> int:
        """How many are listening."""
        return len(self._listeners)

    def publish(self, message: str) -> None:
        """Give *message* to all listeners; one that is too far behind is cut off."""
        for listener in tuple(self._listeners):
            try:
                listener.send_nowait(message)
            except anyio.WouldBlock:
                # It gets what is waiting for it and then the end. Queueing more would let one
                # sleeping browser tab fill the memory; skipping messages would hide the loss.
                self._listeners.discard(listener)
                listener.close()

    @contextmanager
    def listen(self) -> Generator[MemoryObjectReceiveStream[str]]:
        """Give a stream of the messages published during the block."""
        send, receive = anyio.create_memory_object_stream[str](self._backlog)
        self._listeners.add(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._listeners.discard(send)
