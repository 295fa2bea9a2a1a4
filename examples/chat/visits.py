"""A visit: from the moment in which somebody enters a room until they leave it.

Knows no web, no Redis and no lifescope.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from anyio.streams.memory import MemoryObjectReceiveStream

from chat.backend import Bus, History, Presence
from chat.hub import Hub
from chat.messages import Message, Visitor
from chat.talk import Talk


class Visit:
    """What somebody in a room sees and does."""

    def __init__(
        self,
        visitor: Visitor,
        talk: Talk,
        earlier: Sequence[Message],
        later: MemoryObjectReceiveStream[Message],
    ) -> None:
        self.visitor = visitor
        self._talk = talk
        self._earlier = earlier
        self._later = later

    async def say(self, text: str) -> None:
        """Say *text* to everybody in the room, oneself included.

        Raises:
            RefusedError: It may not be said.
        """
        await self._talk.say(self.visitor, text)

    async def messages(self) -> AsyncIterator[Message]:
        """What was said before, and what happens now; ends for who is too slow."""
        for message in self._earlier:
            yield message
        known = {message.id for message in self._earlier}
        async for message in self._later:
            if message.id not in known:
                yield message


# --8<-- [start:visit]
@asynccontextmanager
async def visit(
    visitor: Visitor, talk: Talk, hub: Hub, bus: Bus, history: History, presence: Presence
) -> AsyncGenerator[Visit]:
    """Be in a room: others see one come, and leave."""
    number = uuid4().hex
    with hub.listen(visitor.room) as later:  # before asking what was, so that nothing is missed
        earlier = await history.latest(visitor.room)
        await presence.add(number, visitor)
        try:
            await bus.publish(Message(visitor.room, visitor.name, "came"))
            yield Visit(visitor, talk, earlier, later)
        finally:
            await presence.remove(number, visitor)
            await bus.publish(Message(visitor.room, visitor.name, "left"))


# --8<-- [end:visit]
