"""G8, G9: what clients are told by an app that crashes or stops; G12: by one that has stopped."""

from typing import Any

import anyio
import pytest

from integrations.driving import Receive, Send, Session, http_scope, open_sessions
from lifescope import Container, LifespanNotRunError, current_scope
from root.serving import Broken, Crash, Exchange, Server, serving, settle

pytestmark = pytest.mark.anyio

DENIAL = "websocket.http.response"
REFUSED = ["http.response.start 503", "http.response.body"]


class Sockets:
    """An app of which the WebSockets go through *steps*, and then wait until they are cancelled."""

    def __init__(self, *steps: Any) -> None:
        self.reached = anyio.Event()
        self._steps = steps

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] != "lifespan"
        await current_scope().get(Session)
        for step in self._steps:
            if step == "receive":
                await receive()
            else:
                await send({"type": step})
        self.reached.set()
        await anyio.sleep_forever()


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


class Ending:
    """An app that crashes, or is told to stop; either way requests have no time left."""

    def __init__(self, how: str, log: list[str]) -> None:
        self._how = how
        self._crash = Crash(log)
        self._container = Container(self._crash.provider, open_sessions(log, "request"))

    def root(self, app: Any, *, seconds: float = 0) -> Any:
        return self._container.asgi(
            app, crash_timeout=seconds, drain_timeout=seconds, on_crash=None
        )

    async def begin(self, server: Server) -> None:
        if self._how == "crash":
            self._crash.now.set()
        else:
            server.lifespan.say_stop()
        await settle()


@pytest.fixture(params=["crash", "stop"])
def ending(request: Any, log: Any) -> Ending:
    return Ending(request.param, log)


async def ended(server: Server, ending: Ending, app: Sockets) -> None:
    with anyio.fail_after(5):
        await app.reached.wait()
    await ending.begin(server)
    await server.wait()


@pytest.mark.parametrize("steps", [(), ("receive",)], ids=["silent", "received"])
async def test_websocket_that_was_not_accepted_is_refused(ending, log, steps):
    """G8, G9, J05: It is closed before it was accepted, which servers make a 403."""
    app = Sockets(*steps)
    async with serving(ending.root(app)) as server:
        socket = server.connect()
        await ended(server, ending, app)
    assert socket.sent == ["websocket.close 1013"]
    assert socket.error is None
    assert not socket.is_cancelled
    assert log[1].startswith("roll back 1: Cancelled")


async def test_websocket_that_was_not_accepted_gets_a_503_where_it_can(ending):
    """G8, G9: With the extension for it, a WebSocket is answered like a request."""
    app = Sockets("receive")
    async with serving(ending.root(app)) as server:
        socket = server.connect(DENIAL)
        await ended(server, ending, app)
    assert socket.sent == [f"{DENIAL}.start 503", f"{DENIAL}.body"]


async def test_websocket_that_was_accepted_is_closed(ending, log):
    """G8, G9: 1012 says that the service restarts; its providers have seen the cancellation."""
    app = Sockets("receive", "websocket.accept", "websocket.send")
    async with serving(ending.root(app)) as server:
        socket = server.connect(DENIAL)
        await ended(server, ending, app)
    assert socket.sent == ["websocket.accept", "websocket.send", "websocket.close 1012"]
    assert socket.error is None
    assert not socket.is_cancelled
    assert log[:1] + log[2:] == ["open 1", "release worker"]
    assert log[1].startswith("roll back 1: Cancelled")


CLOSED = [
    ("receive", "websocket.accept", "websocket.close"),
    ("receive", "websocket.close"),
    ("receive", "websocket.http.response.start", "websocket.http.response.body"),
]


@pytest.mark.parametrize("steps", CLOSED, ids=["closed", "refused", "denied"])
async def test_websocket_that_is_over_is_told_nothing(ending, steps):
    """G8, G9: After its end a second one would be an error of the protocol."""
    app = Sockets(*steps)
    async with serving(ending.root(app)) as server:
        socket = server.connect(DENIAL)
        await ended(server, ending, app)
    assert socket.sent == list(steps[1:])
    assert socket.error is None


async def test_websocket_that_the_client_has_left_is_told_nothing(ending):
    """G8, G9: An app that still works for it is cancelled all the same."""
    app = Sockets("receive", "websocket.accept", "receive")
    async with serving(ending.root(app)) as server:
        socket = server.connect()
        socket.incoming.append({"type": "websocket.disconnect", "code": 1001})
        await ended(server, ending, app)
    assert socket.sent == ["websocket.accept"]
    assert socket.error is None


@pytest.mark.parametrize("version", ["1.1", "2"])
async def test_503_is_a_whole_response(ending, version):
    """G8, G9: With its length; and HTTP/1.1 clients are told to connect anew."""
    async with serving(ending.root(Sockets(), seconds=60)) as server:
        running = server.get()
        await settle()
        await ending.begin(server)
        exchange = Exchange(server.app, http_scope(state=server.lifespan.state), [])
        exchange.asgi_scope["http_version"] = version
        server.begin(exchange)
        with anyio.fail_after(5):
            await exchange.ended.wait()
        running.cancel()
    assert exchange.sent == REFUSED
    headers = dict(exchange.messages[0]["headers"])
    body = exchange.messages[1]
    assert not body.get("more_body", False)
    assert int(headers[b"content-length"]) == len(body["body"])
    assert headers.get(b"connection") == (b"close" if version == "1.1" else None)


async def test_new_connections_are_refused_while_others_have_their_time(ending, log):
    """G8, G9: They do not get to the app, and no scope is opened for them."""
    app = Sockets()
    async with serving(ending.root(app, seconds=60)) as server:
        running = server.get()
        with anyio.fail_after(5):
            await app.reached.wait()
        await ending.begin(server)
        assert await server.answer() == REFUSED
        sockets = [server.connect(), server.connect(DENIAL)]
        for socket in sockets:
            with anyio.fail_after(5):
                await socket.ended.wait()
        assert not running.ended.is_set()
        running.cancel()
    assert sockets[0].sent == ["websocket.close 1013"]
    assert sockets[1].sent == [f"{DENIAL}.start 503", f"{DENIAL}.body"]
    assert [entry for entry in log if entry.startswith("open")] == ["open 1"]


async def test_new_connections_are_refused_where_the_server_hands_on_no_state(ending):
    """G8, G9, G12: The one lifespan of the loop is found, and it is one that ends."""
    async with serving(ending.root(Sockets(), seconds=60), with_state=False) as server:
        running = server.get()
        await settle()
        await ending.begin(server)
        assert await server.answer() == REFUSED
        running.cancel()


async def test_requests_after_the_end(ending):
    """G12: With the state of a lifespan that has ended, a 503; without, the error that helps."""
    async with serving(ending.root(Sockets())) as server:
        late = [Exchange(server.app, http_scope(state=server.lifespan.state), [])]
        late.append(Exchange(server.app, http_scope(), []))
        await ending.begin(server)
    for exchange in late:
        await exchange.run()
    assert late[0].sent == REFUSED
    assert late[0].error is None
    assert isinstance(late[1].error, LifespanNotRunError)


async def test_client_that_is_gone_cannot_be_told(ending, log):
    """G8, G9: A `send` that fails then is nobody's error; the app still ends in good order."""
    app = Sockets()

    class Gone(Exchange):
        async def send(self, message: Any) -> None:
            raise OSError("connection lost")

    async with serving(ending.root(app)) as server:
        exchange = Gone(server.app, http_scope(state=server.lifespan.state), [])
        server.begin(exchange)
        await ended(server, ending, app)
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log[-1] == "release worker"


async def test_other_kinds_of_connections_pass_through_until_the_end(ending):
    """J09: What the root does not know it neither opens a scope for, nor refuses."""
    kinds: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        kinds.append(scope["type"])
        if scope["type"] == "lifespan":
            raise Broken
        if scope["type"] == "http":
            await anyio.sleep_forever()

    async with serving(ending.root(app, seconds=60)) as server:
        running = server.get()
        await settle()
        for _ in range(2):
            asgi_scope = {"type": "other", "state": dict(server.lifespan.state)}
            await Exchange(server.app, asgi_scope, []).run()
            await ending.begin(server)
        running.cancel()
    assert kinds == ["lifespan", "http", "other", "other"]
