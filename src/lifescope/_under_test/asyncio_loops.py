"""Fixtures that give pytest-asyncio's event loops: a plugin, where that one is active."""

import asyncio
import importlib
from typing import Any

from lifescope._under_test.drivers import SCOPES

_plugin: Any = importlib.import_module("pytest_asyncio")


def _loop_fixture(scope: str) -> Any:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    name = f"_lifescope_loop_{scope}"
    return _plugin.fixture(scope=scope, loop_scope=scope, name=name)(loop)


for _scope in SCOPES:
    globals()[f"_lifescope_loop_{_scope}"] = _loop_fixture(_scope)
