"""Fixtures that give pytest-asyncio's event loops; imported where that plugin is active."""

import asyncio
from typing import Any

import pytest_asyncio

__all__ = ["FIXTURES"]


def _loop_fixture(scope: Any) -> Any:
    @pytest_asyncio.fixture(scope=scope, loop_scope=scope)
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    return loop


FIXTURES = {
    f"_lifescope_loop_{scope}": _loop_fixture(scope)
    for scope in ("function", "class", "module", "package", "session")
}
