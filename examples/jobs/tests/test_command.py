"""Commands of typer: what they print, and what they leave behind."""

import signal
import sys

import pytest
from typer.testing import CliRunner

from jobs.command import cli
from jobs.shop import TooHeavyError
from jobs.tests.conftest import Database
from jobs.tests.processes import running


def said_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "jobs.shop"]


def test_command_runs_in_scopes_of_its_own(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """G2: A command is committed and everything released when it returns."""
    caplog.set_level("INFO", logger="jobs.shop")
    result = CliRunner().invoke(cli, ["order", "tea"])
    assert (result.exit_code, result.output) == (0, "This is order 1.\n")
    assert database.items() == ["tea"]
    assert said_by(caplog) == [
        "the courier takes tea",
        "the courier has left",
        "the database is closed",
    ]


def test_command_makes_only_what_it_needs(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A command that asks for the database alone does not call the courier."""
    caplog.set_level("INFO", logger="jobs.shop")
    result = CliRunner().invoke(cli, ["count"])
    assert (result.exit_code, result.output) == (0, "0\n")
    assert said_by(caplog) == ["the database is closed"]


def test_failing_command_rolls_back(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """G3, G4: The error of a command reaches its transaction, and comes out as itself."""
    caplog.set_level("INFO")
    result = CliRunner().invoke(cli, ["order", "piano"])
    assert result.exit_code == 1
    assert type(result.exception) is TooHeavyError
    assert database.items() == []
    assert said_by(caplog) == ["the courier has left", "the database is closed"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_command_rolls_back(database: Database, number: int) -> None:
    """G3: A Ctrl-C or a SIGTERM cancels a command, and everything is released."""
    command = ("-m", "jobs.tests.patient", "order", "tea")
    env = {"SHOP_DATABASE_URL": database.url}
    with running(sys.executable, *command, env=env) as process:
        assert process.until("waiting")
        assert process.stop(number) == 130
    assert database.items() == []
    assert "the database is closed" in process.text
    assert "Traceback" not in process.text
