"""How the chat stops while people are in it: as a real process, with a real client."""

import json
import signal
import sys
from typing import Any

import anyio
import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chat.app import container
from chat.settings import Settings
from chat.web import create_app
from jobs.tests.processes import LIMIT, running


@pytest.mark.parametrize(
    ("server", "exit_code"),
    [("lifescope run", 0), ("uvicorn", -signal.SIGTERM)],  # uvicorn passes the signal on
)
def test_process_that_stops_sends_everybody_away(server: str, exit_code: int) -> None:
    """G9: Clients get 1012, which means that they may come again."""
    command = (sys.executable, "-m", *server.split(), "chat.app:app", "--port=0")
    with running(*command, env={"CHAT_REDIS_URL": ""}) as program:
        assert program.until(r"(serving|running) on (http://\S+)")
        url = program.lines[-1].split("http://")[1].split()[0]
        assert httpx.get(f"http://{url}/rooms", trust_env=False).json() == {}
        with connect(
            f"ws://{url}/rooms/tea/live?name=Ada", proxy=None, open_timeout=LIMIT
        ) as socket:
            assert json.loads(socket.recv(LIMIT))["kind"] == "came"
            socket.send("Good morning")
            assert json.loads(socket.recv(LIMIT))["text"] == "Good morning"
            assert program.stop(signal.SIGTERM) == exit_code
            with pytest.raises(ConnectionClosed) as end:
                socket.recv(LIMIT)
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1012
        assert "Traceback" not in program.text


@pytest.mark.anyio
async def test_server_that_tells_nobody() -> None:
    """G9: Where the server leaves connections alone, the root ends them, after its patience."""
    app = container.asgi(create_app, drain_timeout=0)
    asgi_scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/rooms/tea/live",
        "query_string": b"name=Ada",
        "headers": [],
    }
    accepted = anyio.Event()
    sent: list[Any] = []
    received = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        for message in received:
            return message
        return await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "websocket.accept":
            accepted.set()

    with anyio.fail_after(LIMIT), container.override(Settings, Settings()):
        async with anyio.create_task_group() as tasks, app.factory() as started:

            async def serve() -> None:
                await started(asgi_scope, receive, send)

            tasks.start_soon(serve)
            await accepted.wait()
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 1012
