"""The parts that need neither lifescope nor a server."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from chat.hub import Hub
from chat.memory import MemoryBackend
from chat.messages import BadVisitorError, Message, Visitor
from chat.settings import Settings
from chat.talk import Talk
from chat.visits import Visit

pytestmark = pytest.mark.anyio


def test_settings_come_from_the_environment() -> None:
    env = {"CHAT_REDIS_URL": "redis://:secret@db", "CHAT_HISTORY": "7"}
    settings = Settings.from_env(env)
    assert settings == Settings("redis://:secret@db", 7)
    assert "secret" not in repr(settings)
    assert Settings.from_env({"CHAT_REDIS_URL": "", "CHAT_HISTORY": ""}) == Settings()


def test_message_survives_the_wire() -> None:
    message = Message("tea", "Ada", "said", "two “lumps”\n")
    assert Message.from_json(message.to_json()) == message


@pytest.mark.parametrize(("room", "name"), [("", "Ada"), ("Tea", "Ada"), ("tea", " "), ("tea", "")])
def test_visitors_that_there_are_not(room: str, name: str) -> None:
    with pytest.raises(BadVisitorError):
        Visitor(room, name)


class Burst(MemoryBackend):
    """Brings some messages at once, and ends."""

    def __init__(self, *texts: str) -> None:
        super().__init__(history=10)
        self._texts = texts

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[AsyncIterator[Message]]:
        yield self._burst()

    async def _burst(self) -> AsyncIterator[Message]:
        for text in self._texts:
            yield Message("tea", "Ada", "said", text)


async def test_listener_too_far_behind_gets_what_waits_and_then_the_end() -> None:
    hub = Hub(Burst("one", "two", "three"), backlog=2)
    with anyio.fail_after(10), hub.listen("tea") as messages:
        await hub.run()
        assert [message.text async for message in messages] == ["one", "two"]


async def test_what_is_history_already_is_not_shown_twice() -> None:
    earlier, later = (Message("tea", "Ada", "said", text) for text in ("one", "two"))
    send, receive = anyio.create_memory_object_stream[Message](2)
    with send, receive:
        send.send_nowait(earlier)  # published between listening and asking what was
        send.send_nowait(later)
        send.close()
        talk = Talk(MemoryBackend(history=1), [])
        visit = Visit(Visitor("tea", "Grace"), talk, [earlier], receive)
        assert [message.text async for message in visit.messages()] == ["one", "two"]


async def test_listener_that_keeps_up_gets_all() -> None:
    hub = Hub(Burst("one", "two", "three"), backlog=3)
    with anyio.fail_after(10), hub.listen("tea") as messages, hub.listen("coffee") as others:
        await hub.run()
        assert [messages.receive_nowait().text for _ in range(3)] == ["one", "two", "three"]
        with pytest.raises(anyio.WouldBlock):
            others.receive_nowait()
