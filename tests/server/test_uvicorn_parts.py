"""What is used of uvicorn and not promised to stay: these tests notice when it changes."""

import asyncio
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn import protocols

from lifescope import _uvicorn
from lifescope.server import Server, serve
from server.apps import Recorder, ask, connect, left, limited

SOURCES = sorted(Path(protocols.__path__[0]).rglob("*.py"))


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An app."""


def make() -> Any:
    return _uvicorn.make_uvicorn(nothing, [], {"log_config": None})


def source(name: str) -> str:
    return inspect.getsource(getattr(uvicorn.Server, name))


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_this_uvicorn_has_the_parts() -> None:
    """Otherwise the slow fall-back is used, and nobody would notice."""
    assert type(make()) is _uvicorn.Direct


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("part", ["startup", "on_tick"])
async def test_without_a_part_the_public_way_is_taken(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A uvicorn of tomorrow is served by what it promises."""
    monkeypatch.delattr(uvicorn.Server, part)
    assert type(make()) is _uvicorn.Uvicorn


def test_serve_does_what_we_do() -> None:
    """`serve` loads, makes the lifespan, and calls the parts in this order."""
    steps = [
        "config.load()",
        "lifespan_class(config)",
        "self.startup(",
        "self.main_loop(",
        "self.shutdown(",
    ]
    text = source("_serve") if hasattr(uvicorn.Server, "_serve") else source("serve")
    places = [text.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_main_loop_only_ticks() -> None:
    """What we do every second instead."""
    called = set(re.findall(r"self\.(\w+)\(", source("main_loop")))
    assert called == {"on_tick"}


def test_startup_gives_the_listeners() -> None:
    """`servers` is what is closed at the end."""
    assert "self.servers" in source("startup")
    assert set(re.findall(r"self\.lifespan\.(\w+)", source("startup"))) <= {
        "startup",
        "shutdown",
        "should_exit",
        "state",
    }


def test_shutdown_does_what_we_do() -> None:
    """It closes listeners, asks connections to end, and cancels tasks; there is nothing else."""
    text = source("shutdown")
    assert set(re.findall(r"server_state\.(\w+)", text)) == {"connections", "tasks"}
    assert {"server.close()", "connection.shutdown()"} <= set(re.findall(r"\w+\.\w+\(\)", text))


@pytest.mark.parametrize("name", ["connections", "tasks"])
def test_protocols_take_out_of_the_sets_in_a_way_that_tells(name: str) -> None:
    """The sets notice `add`, `discard` and `remove`, and no other way to change them."""
    used: set[str] = set()
    for path in SOURCES:
        used |= set(re.findall(rf"\bself\.{name}\.(\w+)", path.read_text()))
    assert {"add", "discard"} <= used <= {"add", "discard", "remove"}


def test_every_protocol_can_be_ended_and_cut() -> None:
    """Each has `shutdown()` and a `transport`."""
    classes = [path for path in SOURCES if re.search(r"connections\.add\(self\)", path.read_text())]
    assert len(classes) >= 3
    for path in classes:
        text = path.read_text()
        assert "def shutdown(self)" in text, path
        assert re.search(r"self\.transport\b", text), path


@pytest.mark.anyio
@limited
async def test_each_set_tells_when_it_is_empty(app: Recorder) -> None:
    """The stop is woken by the last connection and the last task, and not by its limit."""
    async with serve(app.root, graceful_timeout=3600) as server:
        await ask(connection := await connect(server), "/stream")
        await connection[0].readuntil(b"one ")
        uses = direct(server)
        assert (len(uses._connections), len(uses._tasks)) == (1, 1)
        server.close()
        asyncio.get_running_loop().call_later(0.01, app.go_on.set)
        await server.wait_closed()
        assert (len(uses._connections), len(uses._tasks)) == (0, 0)
    assert b"two" in await left(connection)


def direct(server: Server) -> _uvicorn.Direct:
    assert isinstance(server._uvicorn, _uvicorn.Direct)
    return server._uvicorn


@pytest.mark.anyio
@limited
async def test_client_that_does_not_read_is_cut_off(app: Recorder) -> None:
    """What is left to be sent would keep its connection open for ever."""
    async with serve(app.root, graceful_timeout=0.01) as server:
        uses = direct(server)
        await ask(connection := await connect(server), "/flood")
        await app.hangs.wait()
    assert app.events[-3:] == ["flood is cancelled", "leaves", "closes"]
    assert not uses._connections
    await left(connection)


@pytest.mark.anyio
@limited
async def test_connection_that_comes_in_during_the_stop_is_ended(app: Recorder) -> None:
    """One whose TLS handshake has taken until now, say."""

    class Late:
        def shutdown(self) -> None:
            app.events.append("late one ends")
            uses._connections.discard(self)

    async with serve(app.root, graceful_timeout=3600) as server:
        uses = direct(server)
        await ask(connection := await connect(server), "/stream")
        await connection[0].readuntil(b"one ")
        server.close()
        while any(listener.is_serving() for listener in uses._server.servers):  # noqa: ASYNC110
            await asyncio.sleep(0)
        for _ in range(2 * _uvicorn._TO_RUN):
            await asyncio.sleep(0)
        uses._connections.add(Late())
        app.go_on.set()
    await left(connection)
    assert "late one ends" in app.events


def test_without_uvicorn_the_import_says_what_to_install() -> None:
    """uvicorn is optional, and `import lifescope` does without."""
    program = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "import lifescope\n"
        "try: import lifescope.server\n"
        "except ImportError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'lifescope[uvicorn]'" in ended.stdout
