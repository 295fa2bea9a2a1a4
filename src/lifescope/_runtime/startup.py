"""Startup: how the start of an app went, as data; and as a line for people."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lifescope._model.provider import Provider

__all__ = ["Startup", "StartupStep"]


@dataclass(frozen=True, slots=True)
class StartupStep:
    """How one provider was started.

    Attributes:
        key: What it provides, as people write it.
        provider: Its name, with file and line.
        state: Where it is, or how it ended.
        began: Seconds after the start-up had begun; None if it has not been its turn.
        seconds: How long it took, or has taken until now.
    """

    key: str
    provider: str
    state: Literal["waiting", "starting", "ready", "failed"]
    began: float | None
    seconds: float | None

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.key} waiting …"
        took = _spell(self.seconds)
        if self.state == "ready":
            return f"{self.key} {took}"
        return f"{self.key} {'failed after' if self.state == 'failed' else 'starting for'} {took}"


class Startup:
    """How the start of an app went: which providers were started, and how long each took.

    As text, it is one line: `Postgres 412 ms, Redis 61 ms, SearchIndex waiting …`.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._ended: float | None = None
        self._runs: dict[Provider, _Run] = {}

    @property
    def steps(self) -> tuple[StartupStep, ...]:
        """One for each provider, in the order of the start."""
        now = self._ended or time.monotonic()
        return tuple(run.step(provider, self._began, now) for provider, run in self._runs.items())

    @property
    def is_at_providers(self) -> bool:
        """Whether providers are being started; if not, it is the app itself."""
        return any(step.state != "ready" for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long it took, the factory and the app's own lifespan included; or has until now."""
        return (self._ended or time.monotonic()) - self._began

    def __str__(self) -> str:
        return ", ".join(map(str, self.steps)) or "nothing to start"

    def __repr__(self) -> str:
        return f"<Startup in {_spell(self.seconds)}: {self}>"

    # --- for those who start --------------------------------------------------------------

    def plan(self, providers: Iterable[Provider]) -> None:
        """These are going to be started."""
        for provider in providers:
            if not provider.kind.is_derived:
                self._runs.setdefault(provider, _Run())

    def includes(self, provider: Provider) -> bool:
        """Whether it is one of those that are, or were, to be started."""
        return provider in self._runs

    def began(self, provider: Provider) -> None:
        """Its turn has come."""
        if (run := self._runs.get(provider)) is not None:
            run.began = time.monotonic()

    def ended(self, provider: Provider, *, failed: bool = False) -> None:
        """It is there, or has failed."""
        if (run := self._runs.get(provider)) is not None:
            run.ended = time.monotonic()
            run.failed = failed

    def is_over(self) -> None:
        """The start is over, or has failed."""
        self._ended = self._ended or time.monotonic()


class _Run:
    def __init__(self) -> None:
        self.began: float | None = None
        self.ended: float | None = None
        self.failed = False

    def step(self, provider: Provider, origin: float, now: float) -> StartupStep:
        if self.began is None:
            return StartupStep(str(provider.key), str(provider), "waiting", None, None)
        state: Literal["starting", "ready", "failed"] = "starting"
        if self.ended is not None:
            state = "failed" if self.failed else "ready"
        seconds = (self.ended or now) - self.began
        return StartupStep(str(provider.key), str(provider), state, self.began - origin, seconds)


def _spell(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
