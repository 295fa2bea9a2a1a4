"""For those who run the shop."""

from collections.abc import Mapping

from fastapi import APIRouter, Response, status

from lifescope.integrations.fastapi import Inject
from shop.health import Health
from shop.statistics import Statistics
from shop.tenants import Tenant

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz(response: Response, health: Inject[Health]) -> Mapping[str, str]:
    report = await health.report()
    if set(report.values()) != {"ok"}:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return report


@router.get("/statistics")
def statistics(statistics: Inject[Statistics], tenant: Inject[Tenant]) -> Mapping[str, int]:
    return statistics.of(tenant)
