"""The command in processes of its own: exit codes, colours, pipes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import HEADER, Run, Write
from lifescope import cli

ROOT = Path(__file__).parents[2]
COLOUR = "\033["

MODULE = """
def create_app() -> Starlette:
    return Starlette(routes=[Route("/", show)])

app = Container(make_a, make_b).asgi(create_app)

@inject
async def missing(request: Request, c: Inject[C]) -> Response: ...

wrong = Container(make_a).asgi(Starlette(routes=[Route("/", missing)]))
"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

many = Container([provider(type(f"Class{n}", (), {}), scope="app") for n in range(5000)])
"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

"""

# Drawn, these are more than a pipe holds.
MANY = """
from lifescope import Container, provider

many = Container([provider(type(f"Class{n}", (), {}), scope="app") for n in range(2500)])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "shop.py").write_text(HEADER + MODULE)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    (folder / "crowd.py").write_text(MANY)
    return folder


def lifescope(
    folder: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "lifescope", *arguments],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "shop:app"], 0),
        (["check", "shop:wrong"], cli.PROBLEMS),
        (["chekc", "shop:app"], cli.WRONG_USE),
    ],
)
def test_exit_code_of_a_process(folder: Path, arguments: list[str], code: int) -> None:
    """What CI looks at; and no colours in a pipe, nor anywhere else where nobody looks."""
    done = lifescope(folder, *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert COLOUR not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "app", "arguments", "code"),
    [
        ("graph", "wrong", [], cli.PROBLEMS),
        ("explain", "app", ["B"], 0),
        ("plan", "app", ["/nosuch"], cli.WRONG_USE),
    ],
)
def test_exit_code(
    run: Run, program: Write, command: str, app: str, arguments: list[str], code: int
) -> None:
    """The other commands end with the same codes."""
    assert run(command, f"{program(MODULE)}:{app}", *arguments).code == code


@pytest.mark.parametrize(
    ("environment", "is_painted"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "", "NO_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_environment_decides(
    run: Run,
    program: Write,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    is_painted: bool,
) -> None:
    """NO_COLOR and FORCE_COLOR, where they are set and not empty; on stdout and on stderr."""
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    name = program(MODULE)
    assert (COLOUR in run("check", f"{name}:wrong").out) is is_painted
    drawn = run("graph", f"{name}:wrong")
    assert (COLOUR in drawn.err) is is_painted
    assert COLOUR not in drawn.out


@pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals")
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_on_a_terminal(folder: Path, environment: dict[str, str]) -> None:
    """A terminal is painted, unless it or its user says no."""
    import pty

    ours, theirs = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    try:
        subprocess.run(
            [sys.executable, "-m", "lifescope", "check", "shop:app"],
            cwd=folder,
            env=kept | {"TERM": "xterm"} | environment,
            stdout=theirs,
            timeout=60,
            check=True,
        )
        text = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "ok" in text
    assert (COLOUR in text) is (not environment)


def test_reader_that_goes_away(folder: Path) -> None:
    """`lifescope graph ... | head`: no complaint, and the exit code of the command."""
    # Unbuffered, as CI has it, Python does not notice that only a part was written.
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-m", "lifescope", "graph", "crowd:many"],
        cwd=folder,
        env=buffered,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"Class0")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_reader_that_has_never_been_there(folder: Path) -> None:
    """What little is left to write at the end of the process is no reason to complain, either."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lifescope", "check", "shop:app"],
            cwd=folder,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_terminal_that_knows_few_letters(folder: Path) -> None:
    """What cannot be written is replaced, and nothing fails."""
    done = lifescope(folder, "graph", "shop:app", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "?? b: B" in done.stdout


def test_run_reports_a_broken_app_without_a_traceback(folder: Path) -> None:
    """`lifescope run` says the same as `check`, with its own exit code."""
    (folder / "broken_shop.py").write_text(HEADER + "app = Container(make_b)")
    done = lifescope(folder, "run", "broken_shop:app")
    assert done.returncode == cli.NOT_STARTED
    assert done.stderr.startswith("[LS101]")
    assert "Traceback" not in done.stderr


def test_version(run: Run) -> None:
    """`lifescope --version`."""
    from importlib.metadata import version

    assert run("--version") == (0, f"lifescope {version('lifescope')}\n", "")


@pytest.mark.parametrize("command", ["run", "check", "graph", "explain", "plan"])
def test_help(run: Run, command: str) -> None:
    """`lifescope --help` names each command, and each has its own."""
    assert f"    {command} " in run("--help").out
    done = run(command, "--help")
    assert done.code == 0
    assert done.out.startswith(f"usage: lifescope {command} ")


def test_library_does_not_import_its_command_line() -> None:
    """Nor argparse with it."""
    program = (
        "import lifescope, sys; "
        "print([m for m in sys.modules if m.startswith('lifescope.cli') or m == 'argparse'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
