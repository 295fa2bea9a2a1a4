"""The same promises on a real PostgreSQL server, where one is installed."""

from collections.abc import Generator
from itertools import count

import pytest

from notes.tests.postgresql import Server, UnavailableError, running_server
from notes.tests.test_notes import NotesContract

numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    try:
        with running_server() as server:
            yield server
    except UnavailableError as error:
        pytest.skip(f"PostgreSQL: {error}")


class TestOnPostgreSQL(NotesContract):
    """All that is promised on SQLite; each test has a database of its own on the one server."""

    @pytest.fixture
    def database_url(self, server: Server) -> str:
        return server.create_database(f"notes_{next(numbers)}")
