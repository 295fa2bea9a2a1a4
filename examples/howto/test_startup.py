"""The page "Start, crash and stop": how a start went, for people and for tests."""

from starlette.testclient import TestClient

from howto.startup import Database, SearchIndex, app, container
from lifescope.testing import events


def test_start_as_data() -> None:
    """G7: each provider of the start, in its order, with its time."""
    with TestClient(app) as client:
        answer = client.get("/startup").json()
    steps = answer["steps"]
    assert [(step["key"], step["state"]) for step in steps] == [
        ("Database", "ready"),
        ("SearchIndex", "ready"),
    ]
    assert 0 <= sum(step["seconds"] for step in steps) <= answer["seconds"]


# --8<-- [start:events]
def test_order_of_start_and_stop() -> None:
    with events(container) as log, TestClient(app):
        assert log.acquired(Database) == log.acquired(SearchIndex) == 1
        assert log.released(Database) == 0
    assert log.released(Database) == 1


# --8<-- [end:events]
