"""What the command line asks for: `--lifescope-setup-show` and `--lifescope-unused`.

A report of unused providers is made of plain data, as workers of pytest-xdist send theirs to the
process that prints.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from lifescope import Container
from lifescope._model.provider import Kind, Provider
from lifescope.testing import Event, events

__all__ = ["WATCH", "Usage", "Watch", "unused_report"]

WATCH = pytest.StashKey["Watch"]()
"""In pytest's config, when one of the options is given."""

Usage = dict[str, bool]
"""A provider's name and place; whether it was used."""


@dataclass(eq=False)
class Watch:
    """Listens to the containers under test, until the end of the run."""

    config: pytest.Config
    listening: ExitStack = field(default_factory=ExitStack)
    usages: dict[Container, Usage] = field(default_factory=dict[Container, Usage])
    received: list[Usage] = field(default_factory=list[Usage])

    def add(self, container: Container) -> None:
        """Listen to *container*, if nobody does yet."""
        if container in self.usages:
            return
        usage = {str(each): False for each in _declared(container)}
        self.usages[container] = usage

        def listen(event: Event) -> None:
            if event.what == "acquired" and event.provider in usage:
                usage[event.provider] = True
            if self.config.getoption("lifescope_setup_show"):
                _show(self.config, event)

        self.listening.enter_context(events(container, listen))

    def data(self) -> list[Usage]:
        """The usage of each container, also of those in workers."""
        return [*self.usages.values(), *self.received]


def _declared(container: Container) -> list[Provider]:
    """What could be made; not what is handed in, nor what an override has put there."""
    given = (Kind.SUPPLIED, Kind.VALUE)
    declared = container._engines.declared
    return [each for each in declared if each.kind not in given and not each.kind.is_derived]


def _show(config: pytest.Config, event: Event) -> None:
    """Print it as `--setup-show` prints fixtures; a worker of pytest-xdist has no terminal."""
    if config.pluginmanager.getplugin("terminalreporter") is None:
        return
    error = f": {type(event.error).__name__}" if event.error is not None else ""
    told = f", told of {type(event.told).__name__}" if event.told is not None else ""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        if capture is not None:
            stack.enter_context(capture.global_and_fixture_disabled())
        terminal = config.get_terminal_writer()
        terminal.line()
        terminal.write(f"    {event}{error}{told}  {event.provider}")
        terminal.flush()


def unused_report(usages: Iterable[Mapping[str, bool]]) -> list[str]:
    """The lines that say which providers no test has used, of each container."""
    merged: dict[tuple[str, ...], Usage] = {}
    for usage in usages:
        known = merged.setdefault(tuple(usage), dict.fromkeys(usage, False))
        for name, is_used in usage.items():
            known[name] = known[name] or is_used
    lines: list[str] = []
    for usage in merged.values():
        used = sum(usage.values())
        share = round(100 * used / len(usage)) if usage else 100
        lines.append(f"{used} of {len(usage)} providers used ({share} %)")
        lines += [f"  unused: {name}" for name, is_used in usage.items() if not is_used]
    return lines
