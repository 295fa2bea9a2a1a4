"""What the environment decides. Handed in by whoever starts the program; knows no lifescope."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The settings of one running program."""

    # These can hold passwords, so they do not show in logs and tracebacks.
    database_url: str = field(default="sqlite+aiosqlite:///shop.db", repr=False)
    replica_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    payments_url: str | None = field(default=None, repr=False)
    mailbox: Path = Path("shop.mbox")
    tenants: tuple[str, ...] = ("tea-house", "book-shop")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read ``SHOP_…``; empty means not set."""
        return cls(
            database_url=env.get("SHOP_DATABASE_URL") or cls.database_url,
            replica_url=env.get("SHOP_REPLICA_URL") or None,
            redis_url=env.get("SHOP_REDIS_URL") or None,
            payments_url=env.get("SHOP_PAYMENTS_URL") or None,
            mailbox=Path(env.get("SHOP_MAILBOX") or cls.mailbox),
            tenants=tuple((env.get("SHOP_TENANTS") or ",".join(cls.tenants)).split(",")),
        )
