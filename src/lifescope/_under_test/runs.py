"""Runs: the app under test while it runs, in the event loop of some tests."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from lifescope import Container, OpenScope
from lifescope._runtime import binding
from lifescope._under_test.drivers import Driver
from lifescope._under_test.keeping import Kept

__all__ = ["RUNS", "Run", "container_of", "running"]

RUNS = pytest.StashKey[list["Run"]]()
"""In pytest's config: the apps that run now."""


class Run:
    """One lifespan of a root, or one app scope of a container.

    Attributes:
        driver: Runs things in its event loop.
        container: Whose scopes they are.
        app: The ASGI app that serves requests; None for a container.
        scope: The app scope.
        changes: What start-up has changed in context variables.
    """

    def __init__(self, driver: Driver, under_test: Any) -> None:
        self.driver = driver
        self.container = container_of(under_test)
        self.app: Any = None
        self.scope: OpenScope
        self.changes: list[binding.Change] = []
        self._under_test = under_test
        self._kept: Kept[Any]

    async def start(self) -> None:
        """Start it; raises what the start raises."""
        if isinstance(self._under_test, Container):
            self._kept = Kept(self._under_test.open())
            self.scope = await self._kept.enter()
            return
        self._kept = Kept(self._under_test.factory())
        self.app = await self._kept.enter()
        self.scope, self.changes = self.app.live.scope, self.app.live.changes

    async def stop(self) -> None:
        """Stop it; raises what the stop raises, or a crash that it had."""
        await self._kept.leave()


def container_of(under_test: Any) -> Container:
    """The container of a root; or itself."""
    if isinstance(under_test, Container):
        return under_test
    container = getattr(under_test, "container", None)
    if isinstance(container, Container) and hasattr(under_test, "factory"):
        return container
    raise pytest.UsageError(
        "lifescope_app has to be what container.asgi(...) returns, or a Container; "
        f"this is of type {type(under_test).__name__}"
    )


@contextmanager
def running(config: pytest.Config, driver: Driver, under_test: Any) -> Generator[Run]:
    """Run *under_test* around the block."""
    __tracebackhide__ = True
    run = Run(driver, under_test)
    driver.run(run.start)
    runs = config.stash.setdefault(RUNS, [])
    runs.append(run)
    try:
        yield run
    finally:
        runs.remove(run)
        driver.run(run.stop)
