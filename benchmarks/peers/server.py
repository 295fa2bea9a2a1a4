"""W8: the contestant's FastAPI app under uvicorn, on a port that is free."""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from benchmarks.peers import asgi
from benchmarks.peers.contestants.contestant import Contestant
from benchmarks.peers.graphs import make_graph
from benchmarks.peers.workloads import Workload


async def serve(
    workload: Workload, contestant: Contestant, answer: Callable[[dict[str, Any]], None]
) -> None:
    """Serve until stdin says "stop", or ends.

    The first answer has the port; each line in between is answered with the seconds of
    processor time so far.
    """
    await contestant.build(make_graph(workload.graph))
    app = asgi.make_app(workload, contestant)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    # A thread that is blocked costs nothing, and leaves the event loop as a server has it.
    threading.Thread(target=_obey, args=(server, answer), daemon=True).start()
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn tells nobody
        await asyncio.sleep(0.01)
    if server.started:
        answer({"port": listener.getsockname()[1]})
    await serving


def _obey(server: uvicorn.Server, answer: Callable[[dict[str, Any]], None]) -> None:
    while (line := sys.stdin.readline()) and '"stop"' not in line:
        answer({"seconds": time.process_time()})
    server.should_exit = True
