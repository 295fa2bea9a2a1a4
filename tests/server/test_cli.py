"""`lifescope run`, in real processes: what it says, and its exit code."""

import signal
import socket
import sys
import tomllib
from pathlib import Path

import pytest

from lifescope import cli
from server.process import RUN, TESTS, get, running

if sys.platform == "win32":
    pytest.skip("stops processes with signals", allow_module_level=True)

STARTED = ["opens"]
STOPPED = ["leaves", "closes"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_in_good_order(number: int) -> None:
    """Everything is released; the exit code is 0 (G3)."""
    with running(*RUN) as process:
        url = process.serving()
        assert get(url).status_code == 200
        process.signal(number)
        assert process.ended() == 0
        assert process.events == STARTED + STOPPED
        assert "Traceback" not in process.text


def test_crash_ends_the_process_with_1() -> None:
    """The crash is shown, and everything is released (G8)."""
    with running(*RUN) as process:
        url = process.serving()
        get(url, "/crash")
        assert process.ended() == cli.CRASHED
        assert process.events == [*STARTED, "closes"]
        assert "Crash: told to" in process.text
        assert "crashed" in process.lines[-1]


def test_failing_stop_ends_the_process_with_1() -> None:
    """A release that fails is shown."""
    with running(*RUN, does="fail to stop") as process:
        process.serving()
        process.signal()
        assert process.ended() == cli.CRASHED
        assert "ConnectionError: the database is gone" in process.text


def test_failed_start_ends_the_process_with_3() -> None:
    """The error is shown, with the provider that has raised it (G7)."""
    with running(*RUN, does="fail") as process:
        assert process.ended() == cli.NOT_STARTED
        assert "ConnectionError: the database does not answer" in process.text
        assert "resource()" in process.text
        assert "serving on" not in process.text
        assert process.lines[-1] == "lifescope: the app has not started"


def test_port_in_use_is_a_failed_start() -> None:
    """The app does not even begin to start."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with running(*RUN, "--port", port) as process:
            assert process.ended() == cli.NOT_STARTED
            assert "in use" in process.text
            assert process.events == []


def test_signal_during_the_start_undoes_it() -> None:
    """Nothing has gone wrong: the exit code is 0."""
    with running(*RUN, does="hang") as process:
        process.until("hangs")
        process.signal()
        assert process.ended() == 0
        assert process.events == ["opens", "hangs", "gives up"]
        assert "Traceback" not in process.text


@pytest.mark.parametrize("path", ["/wait", "/background"])
def test_second_interrupt_does_not_wait(path: str) -> None:
    """Not for a request, not for background work; but everything is released (G3)."""
    with running(*RUN) as process:
        url = process.serving()
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
            if path == "/wait":
                process.until("waits")
            else:
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
            process.signal(signal.SIGINT)
            process.until("the server is closing")
            process.signal(signal.SIGINT)
            assert process.ended() == 0
        assert process.events[-1] == "closes"


def test_unix_socket(tmp_path: Path) -> None:
    """`--uds`."""
    path = tmp_path / "socket"
    with running(*RUN, "--uds", str(path)) as process:
        assert process.serving() == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        process.signal()
        assert process.ended() == 0
        assert not path.exists()


def test_own_log_is_shown() -> None:
    """What the root tells the log appears beside uvicorn's lines."""
    with running(*RUN) as process:
        process.serving()
        process.signal()
        process.ended()
        assert "started: Resource" in process.text


def test_workers_are_uvicorns() -> None:
    """Each runs a lifespan of its own."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    with running(*RUN, "--port", port, "--workers", "2") as process:
        for _ in range(2):
            process.until("Application startup complete")
        process.signal()
        assert process.ended() == 0
        assert sorted(process.events) == sorted(2 * (STARTED + STOPPED))


def test_reload_is_uvicorns() -> None:
    """`--reload` serves, and stops in good order."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    with running(*RUN, "--port", port, "--reload") as process:
        process.until("Application startup complete")
        assert get(f"http://127.0.0.1:{port}").status_code == 200
        process.signal(signal.SIGINT)
        assert process.ended() == 0
        assert process.events == STARTED + STOPPED


# --- module:app -----------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Run a command line that does not get as far as serving, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "--app-dir", str(TESTS), *arguments])
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("server", "not of the form module:app"),
        (":app", "not of the form module:app"),
        ("server:", "not of the form module:app"),
        ("nosuch:app", 'no module "nosuch"; --app-dir'),
        ("server.nosuch:app", 'no module "server.nosuch"'),
        ("server/commanded.py:app", "dots instead of slashes"),
        ("server.commanded:nosuch", 'the module "server.commanded" has no "nosuch"'),
        ("server.commanded:app.nosuch", 'has no "app.nosuch"'),
        ("server.commanded:number", "object of type int"),
        ("server.commanded:container", "container.asgi() makes one"),
    ],
)
def test_wrong_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    """One line says what is wrong, and the exit code is that of a wrong command line."""
    assert run(monkeypatch, name) == cli.WRONG_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lifescope: ")
    assert text in line


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("import nosuchmodule", "No module named 'nosuchmodule'"),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
    ],
)
def test_module_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: str,
    text: str,
) -> None:
    """That is the module's own error, with its traceback; the app has not started."""
    (tmp_path / "broken_app.py").write_text(content)
    arguments = ["--app-dir", str(tmp_path), "broken_app:app"]
    assert run(monkeypatch, *arguments) == cli.NOT_STARTED
    shown = capsys.readouterr().err
    assert text in shown
    assert "broken_app.py" in shown


def test_factory_that_cannot_be_filled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What container.asgi() would have said."""
    assert run(monkeypatch, "server.commanded:needs_unknown") == cli.NOT_STARTED
    assert "nothing provides Crash" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--log-level", "loud"], ["--prot"]])
def test_wrong_options(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """argparse's own."""
    assert run(monkeypatch, "server.commanded:app", *arguments) == cli.WRONG_USE


def test_without_uvicorn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what to install."""
    for name in ("lifescope.server", "lifescope._uvicorn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run(monkeypatch, "server.commanded:app") == cli.WRONG_USE
    assert "pip install 'lifescope[uvicorn]'" in capsys.readouterr().err


def test_the_command_is_installed() -> None:
    """`lifescope` is a console script."""
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"lifescope": "lifescope.cli:main"}
