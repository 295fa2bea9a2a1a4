"""Whose shop it is. Knows no web, no database and no lifescope."""

from collections.abc import Collection
from dataclasses import dataclass


class UnknownTenantError(Exception):
    """Raised when there is no such tenant."""


# --8<-- [start:caller]
class Caller:
    """What a request, or a job, says of itself; nobody has looked at it yet."""

    tenant = ""


# --8<-- [end:caller]


@dataclass(frozen=True)
class Tenant:
    """Somebody whose shop this is."""

    name: str


class Tenants:
    """All of them."""

    def __init__(self, names: Collection[str]) -> None:
        self._tenants = {name: Tenant(name) for name in names}

    def find(self, name: str) -> Tenant:
        """The tenant called *name*.

        Raises:
            UnknownTenantError: There is none.
        """
        try:
            return self._tenants[name]
        except KeyError:
            raise UnknownTenantError(f"There is no shop called “{name}” here.") from None
