"""Drives the notes application over real HTTP and WebSocket, as scripts/demo --check.

Runs in the environment of the demo: uvicorn in a process of its own, on a free port, with a
new database. Prints a line for each check, and the server's log if one of them failed.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from _server import Server, launch
from _steps import ROOT, stop_on_sigterm

NOTE = {"title": "Buy tea", "text": "Darjeeling, two tins"}
LIMIT = 10.0  # seconds that anything may take which comes after the response


class CheckFailedError(Exception):
    """Raised when the application did something else than it should."""


def expect(what: str, actual: object, wanted: object) -> None:
    if actual != wanted:
        raise CheckFailedError(f"{what}: {actual!r} instead of {wanted!r}")


class Visit:
    """One visitor of the application, and what it has seen so far."""

    live: ClientConnection
    note: dict[str, Any]

    def __init__(self, http: httpx.AsyncClient, connections: AsyncExitStack) -> None:
        self.http = http
        self.connections = connections

    async def listen(self) -> None:
        url = str(self.http.base_url.copy_with(scheme="ws", path="/live"))
        self.live = await self.connections.enter_async_context(connect(url, proxy=None))

    async def page(self) -> None:
        response = await self.http.get("/")
        expect("status", response.status_code, 200)
        expect("type", response.headers["content-type"].partition(";")[0], "text/html")
        expect("health", (await self.http.get("/healthz")).status_code, 200)

    async def create(self) -> None:
        response = await self.http.post("/notes", json=NOTE)
        expect("status", response.status_code, 201)
        self.note = response.json()
        expect("note", {name: self.note[name] for name in NOTE}, NOTE)

    async def list(self) -> None:
        titles = [note["title"] for note in await self.get_json("/notes")]
        expect("titles", titles, [NOTE["title"]])

    async def refuse(self) -> None:
        """The second note of this title is refused, and what was written for it is undone."""
        audit = await self.get_json("/audit")
        if not any(NOTE["title"] in entry["action"] for entry in audit):
            raise CheckFailedError(f"the audit does not have the first note: {audit}")
        response = await self.http.post("/notes", json=NOTE)
        expect("status", response.status_code, 409)
        expect("audit", await self.get_json("/audit"), audit)

    async def export(self) -> None:
        async with self.http.stream("GET", "/export") as response:
            expect("status", response.status_code, 200)
            lines = [json.loads(line) async for line in response.aiter_lines()]
        expect("ids", [line["id"] for line in lines], [self.note["id"]])

    async def hear(self) -> None:
        async with asyncio.timeout(LIMIT):
            message = json.loads(await self.live.recv())
        expect("note", (message["id"], message["title"]), (self.note["id"], NOTE["title"]))

    async def announce(self) -> None:
        path = f"/notes/{self.note['id']}"
        async with asyncio.timeout(LIMIT):
            # A visitor has nothing but HTTP to learn it from.
            while not (await self.get_json(path))["announced"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def get_json(self, path: str) -> Any:
        response = await self.http.get(path)
        expect(f"status of {path}", response.status_code, 200)
        return response.json()


class Report:
    """Prints a line for each check, and knows whether one has failed."""

    failed = False

    @contextmanager
    def check(self, name: str) -> Generator[None]:
        try:
            yield
        except Exception as error:
            self.failed = True
            print(f"{name} ... FAILED: {type(error).__name__}: {error}", flush=True)
        else:
            print(f"{name} ... ok", flush=True)

    async def visit(self, url: str) -> None:
        """Run the checks that need a running server."""
        async with (
            httpx.AsyncClient(base_url=url, timeout=LIMIT, trust_env=False) as http,
            AsyncExitStack() as connections,
        ):
            visit = Visit(http, connections)
            checks: dict[str, Callable[[], Awaitable[None]]] = {
                "page": visit.page,
                "websocket opens": visit.listen,
                "create": visit.create,
                "list": visit.list,
                "409 and rollback": visit.refuse,
                "stream": visit.export,
                "websocket hears of it": visit.hear,
                "background task": visit.announce,
            }
            for name, check in checks.items():
                with self.check(name):
                    await check()


def stop(server: Server) -> None:
    code = server.stop()
    # uvicorn ends by the signal that it was sent, after it has stopped the application.
    if code not in (0, -signal.SIGTERM):
        raise CheckFailedError(f"exit code {code}")
    log = server.read_log()
    for word in ("Traceback", "ERROR", "never awaited"):
        if word in log:
            raise CheckFailedError(f"the server's log has a {word!r}")
    if "Application shutdown complete" not in log:
        raise CheckFailedError("the server's log does not say that the application has stopped")


def main() -> int:
    # Settings of this shell must not reach the application: it gets a new database, no webhook.
    env = {name: value for name, value in os.environ.items() if not name.startswith("NOTES_")}
    env["NOTES_DATABASE_URL"] = "sqlite+aiosqlite:///notes.db"
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="lifescope-demo-") as folder,
        launch("notes.app:app", app_dir=ROOT / "examples", folder=Path(folder), env=env) as server,
    ):
        with report.check("start"):
            server.wait_until_ready()
        if server.url:
            asyncio.run(report.visit(server.url))
            with report.check("stop"):
                stop(server)
        if report.failed:
            print(f"\nThe server's log:\n{server.read_log()}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    stop_on_sigterm()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
