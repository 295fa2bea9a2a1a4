"""Factories that give no app, and apps that fail before they are asked (G7)."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from integrations.driving import answering, lifespan
from lifescope import AppFactoryError, Container
from reading import said

pytestmark = pytest.mark.anyio


async def silent() -> str:
    return ""


def forgets_return() -> Any:
    Starlette()


def gives_class() -> Any:
    return Starlette


def yields() -> Iterator[Any]:
    yield Starlette()


@contextmanager
def manages() -> Iterator[Any]:
    yield Starlette()


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        (forgets_return, "Fix: add the return."),
        (gives_class, "Fix: call it: Starlette()."),
        (yields, "make a factory that yields the app an async function: async def, yield."),
        (manages, "make a factory that yields the app an async function: async def, yield."),
    ],
)
async def test_factory_that_gives_no_app_is_an_error_of_the_start(factory, expected):
    """G7: Not the first request finds out, but the start; the text says what to do."""
    async with lifespan(Container().asgi(factory)) as running:
        pass
    assert running.sent == ["lifespan.startup.failed"]
    assert isinstance(running.error, AppFactoryError)
    text = said(running.error)
    assert f"{factory.__name__} gave " in text
    assert f"test_wrong_apps.py:{inspect.unwrap(factory).__code__.co_firstlineno}" in text
    assert expected in text


async def test_starlette_app_that_cannot_be_built_is_an_error_of_the_start():
    """G7: An error before the app is asked means "no lifespan" for others, but not for these."""
    app = Starlette(middleware=[Middleware(CORSMiddleware, allow_origin="typo")])
    async with lifespan(Container().asgi(lambda: app)) as running:
        pass
    assert running.sent == ["lifespan.startup.failed"]
    assert "allow_origin" in str(running.error)


async def test_app_without_lifespan_support_may_fail_when_it_is_asked():
    """G7: That is how the ASGI specification says it."""
    async with lifespan(Container().asgi(lambda: answering(silent))) as running:
        assert running.sent == ["lifespan.startup.complete"]


class Fatal(BaseException):
    pass


async def test_server_is_told_of_a_start_that_ends_with_something_urgent():
    """G7: `sys.exit()` in a factory, say: the server is told, and it comes out as itself."""
    sent: list[str] = []

    def factory() -> Any:
        raise Fatal

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with pytest.raises(Fatal):
        await Container().asgi(factory)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.failed"]


async def test_function_is_called_after_a_crash_inside_a_block(log):
    """G8: Inside `root.factory()` the error comes out, and `on_crash` hears of it all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise LookupError("the app has crashed")

    root = Container().asgi(lambda: app, on_crash=lambda error: log(type(error).__name__))
    with pytest.raises(LookupError):
        async with root.factory():
            await anyio.sleep_forever()
    assert log.events == ["LookupError"]
