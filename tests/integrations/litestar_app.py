"""What the tests of the Litestar adapter share."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from litestar import Litestar, di, params

from integrations.driving import LIMIT, Receive, Send, Serve
from lifescope.integrations.litestar import LifescopePlugin

__all__ = [
    "BACKENDS",
    "FromPath",
    "FromQuery",
    "JSONBody",
    "NamedDependency",
    "connecting",
    "litestar",
]


BACKENDS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]
"""What Litestar tells apart."""


class _Inferred:
    """What Litestar finds out by itself; before 2.23 there was no name for it."""

    def __class_getitem__(cls, key: Any) -> Any:
        return key


FromPath: Any = getattr(params, "FromPath", _Inferred)
FromQuery: Any = getattr(params, "FromQuery", _Inferred)
JSONBody: Any = getattr(params, "JSONBody", _Inferred)
NamedDependency: Any = getattr(di, "NamedDependency", _Inferred)


def litestar(*handlers: Any, plugin: bool = True, **options: Any) -> Litestar:
    """A Litestar app with the plugin, which leaves logging alone."""
    plugins = [LifescopePlugin()] if plugin else []
    return Litestar(list(handlers), plugins=plugins, logging_config=None, **options)


def connecting(serve: Serve, root: Any) -> Callable[..., AbstractContextManager[Any]]:
    """Gives WebSockets of which the client leaves; the app then has time to end by itself.

    Otherwise the test client cancels it.
    """
    ended = threading.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await root(scope, receive, send)
        if scope["type"] == "websocket":
            ended.set()

    client = serve(app)

    @contextmanager
    def connect(path: str = "/") -> Iterator[Any]:
        ended.clear()
        with client.websocket_connect(path) as connection:
            yield connection
            connection.close()
            assert ended.wait(LIMIT)

    return connect
