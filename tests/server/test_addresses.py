"""Where a server listens, and what it says about that."""

import asyncio
import socket
import ssl
import stat
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config

from lifescope.server import Server, serve
from server.apps import Recorder, get, limited

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("way")]

unix = pytest.mark.skipif(sys.platform == "win32", reason="asyncio has no Unix sockets there")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@limited
async def test_free_port(app: Recorder) -> None:
    """With port 0 the port is the one that is bound."""
    async with serve(app.root) as server:
        (bound,) = server.sockets
        assert bound.getsockname() == ("127.0.0.1", server.port)
        assert server.port > 0
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert repr(server) == f"<Server {server.url}>"


@limited
async def test_nothing_to_say_before_the_start_and_after_the_end(app: Recorder) -> None:
    """There is no port then, and not a wrong one either."""
    server = serve(app.root)
    for _ in range(2):
        assert not server.is_serving()
        assert server.sockets == ()
        assert repr(server) == "<Server not serving>"
        for attribute in ("url", "port"):
            with pytest.raises(RuntimeError, match="not serving"):
                getattr(server, attribute)
        if not app.events:
            async with server:
                assert server.is_serving()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
@limited
async def test_ipv6(app: Recorder) -> None:
    """The address stands in brackets in the URL."""
    async with serve(app.root, host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert await get(server) == "hello"
    async with serve(app.root, host="::") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert await get(server) == "hello"


@limited
async def test_every_interface(app: Recorder) -> None:
    """Nobody can connect to 0.0.0.0; the URL is one that works from here."""
    async with serve(app.root, host="0.0.0.0") as server:
        assert server.sockets[0].getsockname()[0] == "0.0.0.0"
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert await get(server) == "hello"


async def ask_at(path: str) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@unix
@limited
async def test_unix_socket(app: Recorder, tmp_path: Path) -> None:
    """Everybody may connect, as with uvicorn; the file goes with the server."""
    path = tmp_path / "socket"
    async with serve(app.root, uds=str(path)) as server:
        assert (server.url, server.port) == (f"unix:{path}", 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert (await ask_at(str(path))).endswith(b"hello")
    assert not path.exists()


@unix
@limited
async def test_unix_socket_that_was_left_behind_is_replaced(app: Recorder, tmp_path: Path) -> None:
    """Who may connect stays as it was."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    path.chmod(0o600)
    async with serve(app.root, uds=str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (await ask_at(str(path))).endswith(b"hello")


@unix
@limited
async def test_unix_socket_of_a_successor_stays(app: Recorder, tmp_path: Path) -> None:
    """A new server takes the path over, before the old one ends."""
    path = tmp_path / "socket"
    async with serve(app.root) as unconcerned, serve(app.root, uds=str(path)):
        old = serve(Recorder().root, uds=str(path))
        await old.start_serving()
        new = serve(app.root, uds=str(path))
        await new.start_serving()
        old.close()
        await old.wait_closed()
        assert (await ask_at(str(path))).endswith(b"hello")
        new.close()
        await new.wait_closed()
        assert unconcerned.is_serving()
    assert not path.exists()


@unix
@limited
async def test_file_in_the_way_is_an_os_error(app: Recorder, tmp_path: Path) -> None:
    """What is no socket is nobody's to remove."""
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        async with serve(app.root, uds=str(path)):
            pytest.fail("the block has begun")
    assert path.read_text() == "mine"
    assert app.events == []


@limited
async def test_sockets_that_are_given(app: Recorder) -> None:
    """All are served, and closed with the server."""
    given = [socket.socket() for _ in range(2)]
    for each in given:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in given]
    async with serve(app.root, sockets=given) as server:
        assert server.sockets == tuple(given)
        assert server.port == ports[0]
        for port in ports:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"hello")
            writer.close()
    assert [each.fileno() for each in given] == [-1, -1]


async def test_addresses_that_contradict_each_other(app: Recorder) -> None:
    """These are errors at once."""
    with pytest.raises(ValueError, match="no socket"):
        serve(app.root, sockets=[])
    with socket.socket() as given, pytest.raises(ValueError, match="only one"):
        serve(app.root, sockets=[given], uds="somewhere")


@pytest.mark.skipif(
    "ssl_context_factory" not in signature(Config).parameters, reason="this uvicorn is too old"
)
@limited
async def test_tls_shows_in_the_url(app: Recorder) -> None:
    """However it was asked for."""

    def make_context(config: Any, default: Any) -> ssl.SSLContext:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    server: Server = serve(app.root, ssl_context_factory=make_context)
    async with server:
        assert server.url == f"https://127.0.0.1:{server.port}"
