"""W8's client: `python -m benchmarks.peers.client PORT SECONDS [CORE]` keeps connections busy.

All of them are open and warm before anything is counted, and a request is timed from when it is
written: what waits, waits as real clients would. (wrk adds samples for each stall, so when its
connections open decides its 99th percentile.) It prints JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

from benchmarks.peers.asgi import PAGE
from benchmarks.peers.loops import pin, run

CONNECTIONS = 64
_WARM = 0.25  # of the seconds that are counted
_REQUEST = f"GET /?page={PAGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    """Sends the next request when it has an answer."""

    def __init__(self, times: list[float], errors: list[bytes]) -> None:
        self._times = times
        self._errors = errors
        self.is_last = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
            self._errors.append(data[:60])
        if not data.endswith(b"{}"):  # the body of every route; the head may come alone
            return
        self._times.append(time.perf_counter() - self._sent)
        if self.is_last:
            self._transport.close()
        else:
            self.send()


async def load(port: int, seconds: float) -> dict[str, Any]:
    """Keep the server at this port busy; what its clients saw."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    errors: list[bytes] = []
    connections = [
        (await loop.create_connection(lambda: _Connection(times, errors), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    for connection in connections:
        connection.send()
    await _until(times, CONNECTIONS, seconds * _WARM)
    warm = len(times)
    began = time.perf_counter()
    await _until(times, warm + CONNECTIONS, seconds)
    elapsed = time.perf_counter() - began
    counted = sorted(times[warm:])
    for connection in connections:
        connection.is_last = True
    await asyncio.sleep(0.1)
    return {
        "requests": len(times),
        "figures": {
            "per_second": len(counted) / elapsed,
            **{f"p{q}_ms": counted[len(counted) * q // 100] * 1e3 for q in (50, 99)},
        },
        "errors": [each.decode(errors="replace") for each in errors[:3]],
    }


async def _until(times: list[float], count: int, seconds: float) -> None:
    """Wait so long, and on if there are fewer than *count* answers by then."""
    await asyncio.sleep(seconds)
    while len(times) < count:  # noqa: ASYNC110  an event would cost for each answer
        await asyncio.sleep(seconds / 10)


if __name__ == "__main__":
    pin(int(sys.argv[3]) if len(sys.argv) > 3 else None)
    sys.stdout.write(json.dumps(run(load(int(sys.argv[1]), float(sys.argv[2])))))
