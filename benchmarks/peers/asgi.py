"""An ASGI app that is called directly, with a task for each request, as servers do it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.checks import check_roots, require
from benchmarks.peers.contestants.contestant import Contestant
from benchmarks.peers.graphs.witness import LAST, seen
from benchmarks.peers.workloads import Workload

Message = dict[str, Any]
App = Callable[..., Coroutine[Any, Any, None]]

PAGE = 2
"""What the query of a request with one says; the route's own default is another."""

_SCOPE: Message = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 50000),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"accept", b"*/*"), (b"user-agent", b"bench")],
}


def make_app(workload: Workload, contestant: Contestant) -> App:
    """The contestant's app in the workload's framework."""
    app: App = getattr(contestant, workload.framework)(workload.route)
    return app


@dataclass
class Running:
    """An app whose lifespan runs.

    Attributes:
        answer: Sends it a request, and gives what it has sent.
        run: Sends it so many requests.
        stop: Ends its lifespan.
    """

    answer: Callable[[], Awaitable[list[Message]]]
    run: Callable[[int], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]


async def start(app: App, *, with_query: bool) -> Running:
    """Run the app's lifespan up to where it serves."""
    state, stop = await _start_lifespan(app)
    create_task = asyncio.get_running_loop().create_task
    scope = {**_SCOPE, "query_string": f"page={PAGE}".encode() if with_query else b""}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ignore(message: Message) -> None:
        pass

    async def answer() -> list[Message]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await create_task(app({**scope, "state": state.copy()}, receive, keep))
        return sent

    async def run(count: int) -> None:
        for _ in range(count):
            await create_task(app({**scope, "state": state.copy()}, receive, ignore))

    return Running(answer, run, stop)


async def _start_lifespan(app: App) -> tuple[Message, Callable[[], Awaitable[None]]]:
    state: Message = {}
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": _SCOPE["asgi"], "state": state}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    message = await from_app.get()
    require(message["type"] == "lifespan.startup.complete", f"the app did not start: {message}")

    async def stop() -> None:
        await to_app.put({"type": "lifespan.shutdown"})
        await task

    return state, stop


async def check(
    running: Running, workload: Workload, contestant: Contestant, remarks: list[str]
) -> None:
    """Send some requests, and check the answers and what the route was given."""
    given: list[Any] = []
    for _ in range(3):
        seen("nothing yet")
        start_message, *bodies = await running.answer()
        require(start_message["status"] == 200, f"status {start_message['status']}")
        require(b"".join(each.get("body", b"") for each in bodies) == b"{}", "another body")
        asks_page = workload.framework == "fastapi" and workload.route == "graph"
        require(LAST.page == (PAGE if asks_page else None), "not the page of the query")
        given.append(LAST.obj)
    seen(None)
    graph = contestant.graph
    if workload.route == "none":
        require(given == [None] * 3, "the route has not run")
    elif workload.route == "app":
        require(
            all(type(obj) is graph.app_key and obj is given[0] for obj in given),
            "not the one app-scoped object",
        )
    else:
        check_roots(graph, given, remarks)
