"""The application under test, on a database and a webhook of its own."""

import json
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from lifescope import provider
from notes.app import app, container
from notes.feed import Feed
from notes.settings import Settings


@dataclass
class Webhook:
    """Stands for the program behind NOTES_WEBHOOK_URL."""

    status: int = 204
    received: list[Any] = field(default_factory=list[Any])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.received.append(json.loads(request.content))
        return httpx.Response(self.status)


@pytest.fixture
def webhook() -> Webhook:
    return Webhook()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty database; a class of tests can have another one."""
    return f"sqlite+aiosqlite:///{tmp_path / 'notes.db'}"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url, webhook_url="https://hooks.example/notes")


@pytest.fixture
def client(settings: Settings, webhook: Webhook, feed: Feed) -> Generator[TestClient]:
    """A client of the running application."""

    @provider(scope="app")
    async def http_client() -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(webhook)) as client:
            yield client

    replacements = {Settings: settings, httpx.AsyncClient: http_client, Feed: feed}
    with container.override(replacements), TestClient(app) as client:
        yield client
