"""What the environment decides. Read once, by a provider; knows no lifescope."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The settings of one running application."""

    # Both can hold a password or a token, so neither shows in logs and tracebacks.
    database_url: str = field(default="sqlite+aiosqlite:///notes.db", repr=False)
    webhook_url: str | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read ``NOTES_DATABASE_URL`` and ``NOTES_WEBHOOK_URL``; empty means not set."""
        return cls(
            database_url=env.get("NOTES_DATABASE_URL") or cls.database_url,
            webhook_url=env.get("NOTES_WEBHOOK_URL") or None,
        )
