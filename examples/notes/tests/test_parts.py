"""The parts that need neither lifescope nor a server."""

import anyio
import pytest

from notes.feed import Feed
from notes.settings import Settings


def test_settings_come_from_the_environment() -> None:
    env = {"NOTES_DATABASE_URL": "postgresql+asyncpg://db/notes", "NOTES_WEBHOOK_URL": "https://x"}
    assert Settings.from_env(env) == Settings("postgresql+asyncpg://db/notes", "https://x")


def test_settings_that_are_empty_are_not_set() -> None:
    assert Settings.from_env({"NOTES_DATABASE_URL": "", "NOTES_WEBHOOK_URL": ""}) == Settings()


def test_settings_do_not_show_secrets() -> None:
    settings = Settings("postgresql+asyncpg://me:secret@db/notes", "https://hooks.example/secret")
    assert "secret" not in repr(settings)


def test_each_listener_gets_each_message() -> None:
    feed = Feed()
    feed.publish("before anybody listens")
    with feed.listen() as one, feed.listen() as two:
        feed.publish("now")
        assert (one.receive_nowait(), two.receive_nowait()) == ("now", "now")
        assert feed.listeners == 2
    feed.publish("after everybody left")
    assert feed.listeners == 0


def test_a_listener_too_far_behind_gets_what_waits_and_then_the_end() -> None:
    feed = Feed(backlog=2)
    with feed.listen() as slow, feed.listen() as quick:
        for number in range(3):
            feed.publish(f"{number}")
            assert quick.receive_nowait() == f"{number}"
        assert feed.listeners == 1
        assert [slow.receive_nowait(), slow.receive_nowait()] == ["0", "1"]
        with pytest.raises(anyio.EndOfStream):
            slow.receive_nowait()
