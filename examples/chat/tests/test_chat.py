"""What a chat does for those who are in it; in memory, on asyncio and trio."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from chat.app import app, container
from chat.hub import Hub
from chat.messages import Message
from chat.settings import Settings
from chat.tests.conftest import Visit
from lifescope import provider


def test_everybody_in_the_room_hears_it(client: TestClient) -> None:
    with Visit(client, "Ada") as ada, Visit(client, "Grace") as grace:
        grace.say("Good morning")
        assert [ada.sees() for _ in range(3)] == [
            "Ada came",
            "Grace came",
            "Grace said Good morning",
        ]
        assert [grace.sees() for _ in range(2)] == ["Grace came", "Grace said Good morning"]


def test_nobody_in_another_room_hears_it(client: TestClient) -> None:
    with Visit(client, "Ada", "tea") as ada, Visit(client, "Grace", "coffee") as grace:
        assert ada.sees() == "Ada came"
        grace.say("Good morning")
        ada.say("Good evening")
        assert ada.sees() == "Ada said Good evening"


def test_a_visit_ends_with_its_connection(client: TestClient) -> None:
    """G11: What is request-scoped lives as long as a WebSocket, and is released at its end."""
    with Visit(client, "Ada") as ada:
        assert ada.sees() == "Ada came"
        with Visit(client, "Grace"):
            assert ada.sees() == "Grace came"
            assert client.get("/rooms/tea/people").json() == ["Ada", "Grace"]
            assert client.get("/rooms").json() == {"tea": 2}
        assert ada.sees() == "Grace left"
        assert client.get("/rooms/tea/people").json() == ["Ada"]
    assert client.get("/rooms").json() == {}


def test_a_room_remembers_what_was_said_last(client: TestClient) -> None:
    for number in range(5):
        client.post("/rooms/tea/messages?name=Bot", content=f"Number {number}")
    with Visit(client, "Ada") as ada:
        assert [ada.sees() for _ in range(4)] == [
            "Bot said Number 2",
            "Bot said Number 3",
            "Bot said Number 4",
            "Ada came",
        ]
    assert [m["text"] for m in client.get("/rooms/tea/messages").json()] == [
        f"Number {number}" for number in (2, 3, 4)
    ]
    assert client.get("/rooms/coffee/messages").json() == []


def test_what_programs_say_is_heard(client: TestClient) -> None:
    with Visit(client, "Ada") as ada:
        posted = client.post("/rooms/tea/messages?name=Bot", content="The tea is ready")
        assert posted.status_code == 201
        assert [ada.sees(), ada.sees()] == ["Ada came", "Bot said The tea is ready"]


def test_rules_have_their_say_in_the_order_of_their_declaration(client: TestClient) -> None:
    with Visit(client, "Ada") as ada:
        assert ada.sees() == "Ada came"
        ada.say("  HELLO!!!  ")
        assert ada.sees() == "Ada said Hello!"


@pytest.mark.parametrize("text", [" ", "a" * 1001])
def test_what_may_not_be_said_is_told_to_nobody_else(client: TestClient, text: str) -> None:
    with Visit(client, "Ada") as ada:
        assert ada.sees() == "Ada came"
        ada.say(text)
        assert ada.is_refused()
    assert client.post("/rooms/tea/messages?name=Bot", content=text).status_code == 422
    assert client.get("/rooms/tea/messages").json() == []


@pytest.mark.parametrize(("room", "name"), [("tea", ""), ("tea", "a" * 31), ("Tea", "Ada")])
def test_visitors_without_a_name_or_a_room_do_not_get_in(
    client: TestClient, room: str, name: str
) -> None:
    """J02: A provider that refuses is answered by the app's own exception handler."""
    with pytest.raises(WebSocketDisconnect) as refused, Visit(client, name, room):
        pass
    assert refused.value.code == 1008
    assert client.post(f"/rooms/{room}/messages?name={name}", content="Hi").status_code == 422
    assert client.get("/rooms").json() == {}


def test_the_page_is_served_and_trusts_no_message(client: TestClient) -> None:
    page = client.get("/")
    assert "<title>Chat</title>" in page.text
    assert "innerHTML" not in page.text
    assert "//" not in page.text.replace("// ", "")


class NoPatience(Hub):
    """A hub whose listeners are too slow from the beginning."""

    @contextmanager
    def listen(self, room: str) -> Generator[MemoryObjectReceiveStream[Message]]:
        send, receive = anyio.create_memory_object_stream[Message]()
        send.close()
        with receive:
            yield receive


def test_who_is_too_far_behind_is_cut_off_and_told() -> None:
    with (
        container.override({Settings: Settings(), Hub: provider(NoPatience, scope="app")}),
        TestClient(app) as client,
        Visit(client, "Ada") as ada,
        pytest.raises(WebSocketDisconnect) as end,
    ):
        ada.sees()
    assert end.value.code == 1013
