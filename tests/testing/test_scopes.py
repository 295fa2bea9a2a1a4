"""`lifescope.testing.assert_no_open_scopes`: what was left open, and by whom."""

import sys
import weakref
from typing import Any

import anyio
import pytest
from httpx import ASGITransport, AsyncClient

from lifescope import Container, Factory, LifescopeError, OpenScopesError, current_scope, provider
from lifescope.testing import assert_no_open_scopes, running

pytestmark = pytest.mark.anyio


class Engine:
    pass


@pytest.fixture
def container() -> Container:
    return Container(provider(Engine, scope="app"))


async def test_nothing_is_open(container) -> None:
    """Before, and after everything was closed, also where it is still referred to."""
    assert_no_open_scopes(container)
    async with container.open() as app, app.open() as request, request.open() as call:
        await call.get(Engine)
    assert_no_open_scopes(container)
    assert app.closed
    assert request.closed


async def test_proxies_of_what_is_gone(container) -> None:
    """The process may have some, of any library; they are not looked into."""
    proxy = weakref.proxy(Engine())
    with pytest.raises(ReferenceError):
        isinstance(proxy, Engine)
    assert_no_open_scopes(container)


async def test_open_scopes_are_named(container) -> None:
    """The widest first, each with the line that has opened it."""
    line = sys._getframe().f_lineno
    async with container.open() as app:
        async with app.open():
            with pytest.raises(OpenScopesError) as caught:
                assert_no_open_scopes(container)
    error = caught.value
    assert isinstance(error, LifescopeError)
    assert isinstance(error, AssertionError)
    assert [text.partition(",")[0] for text in error.scopes] == ['"app"', '"request"']
    assert f"test_scopes.py:{line + 1}" in error.scopes[0]
    assert f"test_scopes.py:{line + 2}" in error.scopes[1]
    assert "2 scopes are still open" in str(error)


async def test_some_may_be_open(container) -> None:
    """Where tests share an app scope, the others can be asked for."""
    async with container.open() as app:
        assert_no_open_scopes(container, besides=["app"])
        async with app.open():
            with pytest.raises(OpenScopesError, match="a scope is still open"):
                assert_no_open_scopes(container, besides=["app"])


async def test_other_containers(container) -> None:
    """A scope of another container does not count."""
    async with Container(container).open():
        assert_no_open_scopes(container)


async def test_overlays(container) -> None:
    """An override that is in force is no scope of its own."""
    async with container.open() as app, container.override(Engine, Engine()):
        await app.get(Engine)
        assert_no_open_scopes(container, besides=["app"])
        with pytest.raises(OpenScopesError) as caught:
            assert_no_open_scopes(container)
        assert len(caught.value.scopes) == 1


async def test_requests(container) -> None:
    """A request that is being served is named by its path; the app by what has started it."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        try:
            assert_no_open_scopes(container)
        except OpenScopesError as error:
            seen.extend(error.scopes)
        assert current_scope().name == "request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with running(container.asgi(app)) as served:
        transport = ASGITransport(app=served)
        async with AsyncClient(transport=transport, base_url="http://test") as http:
            await http.get("/orders")
        assert_no_open_scopes(container, besides=["app"])
    assert_no_open_scopes(container)
    assert seen == [
        '"app", opened by the lifespan of container.asgi',
        '"request", serving GET /orders',
    ]


async def test_block_of_a_factory() -> None:
    """The scope of a block counts as one of its name."""

    class Pool:
        def __init__(self, engines: Factory[Engine]) -> None:
            self.engines = engines

    container = Container(provider(Engine, scope="app"), provider(Pool, scope="request"))
    async with container.open() as app, app.open() as request:
        pool = await request.get(Pool)
        async with pool.engines():
            with pytest.raises(OpenScopesError) as caught:
                assert_no_open_scopes(container, besides=["app"])
            assert len(caught.value.scopes) == 2
    assert_no_open_scopes(container)


async def test_scope_in_another_task(container) -> None:
    """A task that nobody waits for is found by what it has open."""
    async with container.open() as app:

        async def forgotten() -> None:
            async with app.open():
                await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(forgotten)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(OpenScopesError):
                assert_no_open_scopes(container, besides=["app"])
            tasks.cancel_scope.cancel()
        assert_no_open_scopes(container, besides=["app"])
