"""What happens on connections: requests in a row, and clients that hang up."""

import pytest

from servers.harness import EACH, LIMIT, Server, params, request

pytestmark = pytest.mark.parametrize("server", params(EACH), indirect=True, scope="module")

SUCCEEDED = ["opens", "succeeds", "closes"]


def test_requests_on_one_connection_have_a_scope_each(server: Server, name: str) -> None:
    """On a connection that is kept, each request opens a scope and closes it again (A02, J06)."""
    with server.client() as client:
        for number in range(3):
            assert client.get("/at-once", params={"as": f"{name}-{number}"}).status_code == 200
            server.wait_for_event(f"{name}-{number} closes")
    for number in range(3):
        assert server.events_of(f"{name}-{number}") == SUCCEEDED


def test_pipelined_requests_have_a_scope_each(server: Server, name: str) -> None:
    """Requests that are sent at once are answered in order, each with a scope (A02, G6)."""
    names = [f"{name}-{number}" for number in range(5)]
    with server.connection() as connection:
        connection.ask(*(f"/wait?as={name}" for name in names))
        for each in names:
            server.wait_for_event(f"{each} waits")
            server.tell(each)
            assert connection.read().json() == f"{each} is done"
    for each in names:
        server.wait_for_event(f"{each} closes")
        assert server.events_of(each) == ["opens", "waits", "succeeds", "closes"]


def test_requests_at_the_same_time_have_a_scope_each(server: Server, name: str) -> None:
    """Requests that run at once do not see each other; each scope ends with its own (H01)."""
    first, second = f"{name}-1", f"{name}-2"
    with server.connection() as one, server.connection() as other:
        one.ask(f"/wait?as={first}")
        server.wait_for_event(f"{first} waits")
        other.ask(f"/sync-wait?as={second}")
        server.wait_for_event(f"{second} waits")
        server.tell(first)
        assert one.read().json() == f"{first} is done"
        server.wait_for_event(f"{first} closes")
        assert server.events_of(second) == ["opens", "waits"]
        server.tell(second)
        assert other.read().json() == f"{second} is done"
        server.wait_for_event(f"{second} closes")


def test_scope_lives_until_the_background_tasks_have_run(server: Server, name: str) -> None:
    """The client has its answer, and the scope is open until the background task ends (J08)."""
    with server.connection() as connection:
        connection.ask(f"/background?as={name}")
        assert connection.read().json() == f"{name} is answered"
        server.wait_for_event(f"{name} waits")
        assert server.events_of(name) == ["opens", "waits"]
        server.tell(name)
        server.wait_for_event(f"{name} closes")
    assert server.events_of(name) == ["opens", "waits", "is done", "succeeds", "closes"]


def test_scope_lives_until_the_body_has_been_sent(server: Server, name: str) -> None:
    """The scope closes after the last part of a streamed body (J01)."""
    with server.connection() as connection:
        connection.ask(f"/stream?as={name}")
        assert connection.read_head().status == 200
        assert connection.read_chunk() == f"{name} begins\n".encode()
        server.wait_for_event(f"{name} waits")
        assert server.events_of(name) == ["opens", "waits"]
        server.tell(name)
        assert connection.read_chunk() == f"{name} is done\n".encode()
        assert connection.read_chunk() == b""
        server.wait_for_event(f"{name} closes")
    assert server.events_of(name) == ["opens", "waits", "succeeds", "closes"]


def test_error_of_an_endpoint_reaches_the_providers(server: Server, name: str) -> None:
    """An endpoint's error is answered with 500, and its providers have seen it (D08, J02)."""
    assert server.get(f"/fail?as={name}").status_code == 500
    server.wait_for_event(f"{name} closes")
    assert server.events_of(name) == ["opens", "fails: NoConnectionError", "closes"]
    assert server.get("/look").status_code == 200


def test_client_that_hangs_up_during_a_stream(server: Server, name: str) -> None:
    """The providers of a stream are told that its client has gone, and are released (J04).

    gunicorn announces a version of ASGI in which it is `send` that fails, so that Starlette does
    not listen for the client; after a time of grace the server cancels the request.
    """
    with server.connection() as connection:
        connection.ask(f"/stream?as={name}")
        assert connection.read_head().status == 200
        assert connection.read_chunk() == f"{name} begins\n".encode()
        server.wait_for_event(f"{name} waits")
    server.wait_for_event(f"{name} closes")  # though nobody has told it to go on
    is_cancelled = server.kind.module == "gunicorn"
    error = "CancelledError" if is_cancelled else "ClientDisconnectedError"
    assert server.events_of(name) == ["opens", "waits", f"fails: {error}", "closes"]


def test_client_that_hangs_up_before_the_answer(server: Server, name: str) -> None:
    """A request whose client does not wait runs to its end, and closes its scope (J04).

    Only gunicorn cancels it, after a time of grace (`--asgi-disconnect-grace-period`).
    """
    with server.connection() as connection:
        connection.ask(f"/wait?as={name}")
        server.wait_for_event(f"{name} waits")
    if server.kind.module == "gunicorn":
        server.wait_for_event(f"{name} closes")
        assert server.events_of(name)[1:] == [
            "waits",
            "is cancelled",
            "fails: CancelledError",
            "closes",
        ]
    else:
        server.tell(name)
        server.wait_for_event(f"{name} closes")
        assert server.events_of(name) == ["opens", "waits", "succeeds", "closes"]


def test_client_that_hangs_up_during_an_upload(server: Server, name: str) -> None:
    """The framework raises an error where the body is read, and the providers see it (J04)."""
    with server.connection() as connection:
        head = request(f"/upload?as={name}", "POST", "content-length: 10")
        connection.send(head + b"12345")
        server.wait_for_event(f"{name} opens")
    server.wait_for_event(f"{name} closes")
    assert server.events_of(name) == ["opens", "fails: ClientDisconnect", "closes"]


@pytest.mark.parametrize("how", ["says goodbye", "hangs up"])
def test_scope_of_a_websocket_lives_as_long_as_its_connection(
    server: Server, name: str, how: str
) -> None:
    """A WebSocket has one scope, which closes when the client leaves, in whatever way (J05)."""
    with server.websocket(f"/websocket?as={name}") as websocket:
        for _ in range(3):
            websocket.send("")
            websocket.recv(LIMIT)
        assert server.events_of(name) == ["opens"]
        if how == "hangs up":
            websocket.socket.close()
        else:
            websocket.close()
        server.wait_for_event(f"{name} closes")
    assert server.events_of(name) == SUCCEEDED
