"""What is to be done later, and how that is said. Knows no queue and no lifescope."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """Something to be done later: the name of a function in `work`, and what it is about."""

    name: str
    arguments: tuple[str | int, ...]


class Queue(Protocol):
    """Takes jobs to whoever does them."""

    async def send(self, tenant: str, job: Job) -> None:
        """Have *job* done, for *tenant*."""
        ...

    async def ping(self) -> None:
        """Raise an error if jobs cannot be sent."""
        ...


class Outgoing:
    """The jobs that come of a request. They are sent when it has ended well."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def add(self, name: str, *arguments: str | int) -> None:
        self.jobs.append(Job(name, arguments))
