"""What the application promises, on any database; here on SQLite."""

import json
import logging
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from notes import storage
from notes.app import app, container
from notes.feed import Feed
from notes.settings import Settings
from notes.tests.conftest import Webhook


def add(client: TestClient, title: str, text: str = "") -> Any:
    response = client.post("/notes", json={"title": title, "text": text})
    assert response.status_code == 201, response.text
    return response.json()


def titles(client: TestClient) -> list[str]:
    return [note["title"] for note in client.get("/notes").json()]


def audit(client: TestClient) -> list[str]:
    return [entry["action"] for entry in client.get("/audit").json()]


class NotesContract:
    """The tests that each database has to pass: inherit, and say which `database_url`."""

    def test_the_database_answers(self, client: TestClient) -> None:
        assert client.get("/healthz").json() == {"status": "ok"}

    def test_notes_are_kept_newest_first(self, client: TestClient) -> None:
        note = add(client, " Milk ", "two litres\nof it")
        add(client, "Bread")
        assert titles(client) == ["Bread", "Milk"]
        kept = client.get(f"/notes/{note['id']}").json()
        assert (kept["title"], kept["text"]) == ("Milk", "two litres\nof it")

    def test_the_commit_comes_before_the_response(self, client: TestClient) -> None:
        """Whoever hears of a note, by the answer or the feed, finds it in the database."""
        with client.websocket_connect("/live") as page:
            add(client, "Milk")
            note = page.receive_json()
            assert client.get(f"/notes/{note['id']}").status_code == 200
        assert audit(client) == ["create Milk"]

    def test_a_conflict_rolls_back_what_was_written_before_it(self, client: TestClient) -> None:
        add(client, "Milk", "two litres")
        refused = client.post("/notes", json={"title": "Milk", "text": "three"})
        assert refused.status_code == 409
        assert "Milk" in refused.json()["detail"]
        assert audit(client) == ["create Milk"]  # no second one, though it had been flushed
        assert [note["text"] for note in client.get("/notes").json()] == ["two litres"]

    def test_after_a_conflict_work_goes_on(self, client: TestClient, webhook: Webhook) -> None:
        add(client, "Milk")
        assert client.post("/notes", json={"title": "Milk"}).status_code == 409
        add(client, "Bread")
        assert audit(client) == ["create Milk", "create Bread"]
        assert [note["title"] for note in webhook.received] == ["Milk", "Bread"]

    @pytest.mark.parametrize(
        "draft",
        [
            {},
            {"title": " "},
            {"title": "x" * 201},
            {"title": "x", "text": "x" * 10_001},
            {"title": "nul \x00"},
        ],
    )
    def test_a_bad_draft_is_refused(self, client: TestClient, draft: dict[str, str]) -> None:
        assert client.post("/notes", json=draft).status_code == 422
        assert titles(client) == []
        assert audit(client) == []

    @pytest.mark.parametrize(("note_id", "status"), [(7, 404), (0, 422), (2**31, 422)])
    def test_an_unknown_note(self, client: TestClient, note_id: int, status: int) -> None:
        assert client.get(f"/notes/{note_id}").status_code == status
        assert client.delete(f"/notes/{note_id}").status_code == status
        assert audit(client) == []

    def test_a_note_is_deleted_once(self, client: TestClient) -> None:
        path = f"/notes/{add(client, 'Milk')['id']}"
        assert client.delete(path).status_code == 204
        assert client.delete(path).status_code == 404
        assert titles(client) == []
        assert len(audit(client)) == 2

    def test_a_note_is_announced_after_the_response(
        self, client: TestClient, webhook: Webhook
    ) -> None:
        note = add(client, "Milk", "two litres")
        assert note["announced"] is False
        assert webhook.received == [note]
        assert client.get(f"/notes/{note['id']}").json() == {**note, "announced": True}

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_a_note_that_the_webhook_refused_is_not_announced(
        self, client: TestClient, webhook: Webhook, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        webhook.status = status
        note = add(client, "Milk")
        assert client.get(f"/notes/{note['id']}").json() == note
        warnings = [r.getMessage() for r in caplog.records if r.name == "notes.announcer"]
        assert warnings == ["The webhook did not take the note: HTTPStatusError"]

    def test_the_export_has_one_note_per_line(self, client: TestClient) -> None:
        notes = [add(client, f"Note {number}", "two\nlines") for number in range(3)]
        with client.stream("GET", "/export") as response:
            assert response.headers["content-type"].startswith("application/x-ndjson")
            lines = [json.loads(line) for line in response.iter_lines()]
        assert lines == [{**note, "announced": True} for note in notes]

    def test_a_client_that_leaves_during_the_export_harms_nobody(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(storage, "BATCH", 1)
        for number in range(5):
            add(client, f"Note {number}")
        for _ in range(3):
            with client.stream("GET", "/export") as response:
                assert json.loads(next(response.iter_lines()))["title"] == "Note 0"
        add(client, "One more")
        assert len(titles(client)) == 6
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    def test_every_open_page_gets_each_new_note(self, client: TestClient, feed: Feed) -> None:
        with client.websocket_connect("/live") as one, client.websocket_connect("/live") as two:
            notes = [add(client, "Milk"), add(client, "Bread")]
            assert client.post("/notes", json={"title": "Milk"}).status_code == 409
            notes.append(add(client, "Salt"))
            for page in (one, two):
                assert [page.receive_json() for _ in notes] == notes
        assert feed.listeners == 0

    def test_one_title_is_given_once_however_many_ask(self, client: TestClient) -> None:
        def ask(_: int) -> int:
            status: int = client.post("/notes", json={"title": "Milk"}).status_code
            return status

        with ThreadPoolExecutor(8) as threads:
            answers = sorted(threads.map(ask, range(8)))
        assert answers == [201] + [409] * 7
        assert audit(client) == ["create Milk"]

    def test_many_write_at_once(self, client: TestClient) -> None:
        def write(name: str) -> None:
            add(client, name)

        names = {f"Note {number}" for number in range(24)}
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, names))
        assert set(titles(client)) == names
        assert len(audit(client)) == len(names)

    def test_notes_outlive_the_program(self, database_url: str) -> None:
        with container.override(Settings, Settings(database_url)):
            with TestClient(app) as client:
                add(client, "Milk")
            with TestClient(app) as client:
                assert titles(client) == ["Milk"]


class TestOnSqlite(NotesContract):
    """On the database that everybody has."""


def test_the_page_is_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Notes</title>" in page.text


def test_the_page_needs_nothing_from_elsewhere_and_trusts_no_note(client: TestClient) -> None:
    page = client.get("/").text
    assert "//" not in page.replace("// ", "")
    assert "innerHTML" not in page


class TestWithoutWebhook:
    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return Settings(database_url)

    def test_open_pages_are_enough(self, client: TestClient, webhook: Webhook) -> None:
        note = add(client, "Milk")
        assert client.get(f"/notes/{note['id']}").json()["announced"] is True
        assert webhook.received == []


class WatchedFeed(Feed):
    """Tells when a listener has left."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Event()

    @contextmanager
    def listen(self) -> Generator[MemoryObjectReceiveStream[str]]:
        with super().listen() as messages:
            yield messages
        self.left.set()


class TestAPageThatLeaves:
    @pytest.fixture
    def feed(self) -> WatchedFeed:
        return WatchedFeed()

    def test_it_is_forgotten_though_no_note_comes(
        self, client: TestClient, feed: WatchedFeed
    ) -> None:
        with client.websocket_connect("/live") as page:
            page.close()
            assert feed.left.wait(timeout=10)
        assert feed.listeners == 0


class TestASlowPage:
    @pytest.fixture
    def feed(self) -> Feed:
        return Feed(backlog=1)

    def test_it_is_cut_off_and_told(self, client: TestClient, feed: Feed) -> None:
        def publish() -> None:  # in one go on the event loop, so that nobody can keep up
            for number in range(3):
                feed.publish(f"{number}")

        assert client.portal is not None
        with client.websocket_connect("/live") as page:
            client.portal.call(publish)
            with pytest.raises(WebSocketDisconnect) as end:
                list(iter(page.receive_text, "no such message"))
        assert end.value.code == 1013
