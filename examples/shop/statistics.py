"""What has happened in each shop since the program was started. Knows no lifescope."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Mapping

from shop.tenants import Tenant


# --8<-- [start:statistics]
class Statistics:
    """Counts for whoever's shop the caller is in."""

    def __init__(self, tenant: Awaitable[Tenant]) -> None:
        """Take something to be awaited each time: the tenant of the moment."""
        self._tenant = tenant
        self._counts = defaultdict[str, Counter[str]](Counter)

    async def count(self, what: str, by: int = 1) -> None:
        self._counts[(await self._tenant).name][what] += by

    # --8<-- [end:statistics]

    def of(self, tenant: Tenant) -> Mapping[str, int]:
        return dict(self._counts[tenant.name])
