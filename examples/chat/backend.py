"""What the chat needs of whatever connects its processes. Knows no lifescope."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from chat.messages import Message, Visitor


class Bus(Protocol):
    """Brings each message to every process, in one order."""

    async def publish(self, message: Message) -> None:
        """Send *message* to all who listen, and remember it, if it is something said."""
        ...

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Whatever is published while the block runs."""
        ...


class History(Protocol):
    """What was said."""

    async def latest(self, room: str) -> Sequence[Message]:
        """The last things said in *room*, oldest first."""
        ...


class Presence(Protocol):
    """Who is here."""

    async def add(self, visit: str, visitor: Visitor) -> None:
        """Note that *visitor* is here; *visit* is a name for this one time."""
        ...

    async def remove(self, visit: str, visitor: Visitor) -> None:
        """Note that *visitor* has left."""
        ...

    async def people(self, room: str) -> Sequence[str]:
        """The names of those in *room*, each once, sorted."""
        ...

    async def rooms(self) -> Mapping[str, int]:
        """The rooms in which somebody is, with the number of visits."""
        ...

    async def keep(self) -> None:
        """Say from time to time that those who are here still are; never returns."""
        ...


class Backend(Bus, History, Presence, Protocol):
    """All three at once."""
