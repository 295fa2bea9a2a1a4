"""`serve(signals=True)`, and without: in processes of their own."""

import signal
import sys

import pytest

from server.process import running

if sys.platform == "win32":
    pytest.skip("sends signals", allow_module_level=True)

PROGRAM = """
import asyncio, signal, sys
from lifescope.server import serve

async def app(scope, receive, send): ...

def mine(number, frame):
    print("my handler", flush=True)
    loop.call_soon_threadsafe(done.set)

async def main(signals):
    global loop, done
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    signal.signal(signal.SIGTERM, mine)
    async with serve(app, signals=signals) as server:
        print("serving", flush=True)
        await (server.wait_closed() if signals else done.wait())
        print("is serving:", server.is_serving(), flush=True)
    print("handler is back:", signal.getsignal(signal.SIGTERM) is mine, flush=True)

asyncio.run(main(sys.argv[1] == "signals"))
"""


def test_signals_close_the_server() -> None:
    """The handlers that were there come back afterwards."""
    with running("-c", PROGRAM, "signals") as process:
        process.until("serving")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
        assert process.lines == ["serving", "is serving: False", "handler is back: True"]


def test_signals_are_left_alone_unless_asked() -> None:
    """A program's own handlers stay in place."""
    with running("-c", PROGRAM, "no") as process:
        process.until("serving")
        process.signal(signal.SIGTERM)
        assert process.ended() == 0
        assert process.lines == [
            "serving",
            "my handler",
            "is serving: True",
            "handler is back: True",
        ]
