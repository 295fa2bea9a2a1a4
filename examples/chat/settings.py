"""What the environment decides. Read once, by a provider; knows no lifescope."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The settings of one running application."""

    redis_url: str | None = field(default=None, repr=False)  # it can hold a password
    history: int = 50  # messages that a room remembers

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read ``CHAT_REDIS_URL`` and ``CHAT_HISTORY``; empty means not set."""
        return cls(
            redis_url=env.get("CHAT_REDIS_URL") or None,
            history=int(env.get("CHAT_HISTORY") or cls.history),
        )
