"""A dataclass whose annotations are strings, and name what only this module knows."""

from __future__ import annotations

from dataclasses import dataclass, field


class Clock:
    pass


class Cache:
    pass


@dataclass
class Base:
    clock: Clock
    cache: Cache | None = None
    seen: list[str] = field(default_factory=list)
