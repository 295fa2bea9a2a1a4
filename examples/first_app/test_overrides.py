"""What the page "Override a provider in a test" shows, beyond the tests of the guestbook."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from guestbook import Guestbook, app, container
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from lifescope import errors


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the engine is not replaced, it makes a file


# --8<-- [start:value]
class FullGuestbook(Guestbook):
    def __init__(self) -> None:
        """It needs no session."""

    async def names(self) -> list[str]:
        return ["Ada", "Grace"]


def test_a_listing() -> None:
    with container.override(Guestbook, FullGuestbook()), TestClient(app) as client:
        assert client.get("/entries").json() == ["Ada", "Grace"]


# --8<-- [end:value]


# --8<-- [start:several]
def test_a_listing_without_a_database() -> None:
    unused = create_async_engine("sqlite+aiosqlite://")
    replacements = {AsyncEngine: unused, Guestbook: FullGuestbook()}
    with container.override(replacements), TestClient(app) as client:
        assert client.get("/entries").json() == ["Ada", "Grace"]


# --8<-- [end:several]


def test_the_innermost_override_wins() -> None:
    class EmptyGuestbook(FullGuestbook):
        async def names(self) -> list[str]:
            return []

    with (
        container.override(Guestbook, FullGuestbook()),
        container.override(Guestbook, EmptyGuestbook()),
        TestClient(app) as client,
    ):
        assert client.get("/entries").json() == []


def test_an_override_ends_with_its_block() -> None:
    with container.override(Guestbook, FullGuestbook()):
        pass
    with TestClient(app) as client:
        assert client.get("/entries").json() == []


# --8<-- [start:running]
def test_a_listing_of_an_app_that_runs() -> None:
    with TestClient(app) as client:
        with container.override(Guestbook, FullGuestbook()):
            assert client.get("/entries").json() == ["Ada", "Grace"]
        assert client.get("/entries").json() == []


# --8<-- [end:running]


def test_an_override_of_an_unknown_key_is_refused() -> None:
    with pytest.raises(errors.UnknownOverrideError), container.override(bytes, b""):
        pass
