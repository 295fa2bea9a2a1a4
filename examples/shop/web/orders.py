"""Orders."""

import csv
import io
from collections.abc import AsyncIterator

from fastapi import APIRouter, status
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lifescope.integrations.fastapi import Inject
from shop.orders import Order, Orders
from shop.providers import ReplicaSession
from shop.tenants import Tenant
from shop.web.schemas import Number, OrderDraft, OrderView

router = APIRouter(prefix="/orders", tags=["orders"])


# --8<-- [start:place]
@router.post("", status_code=status.HTTP_201_CREATED)
async def place_order(draft: OrderDraft, orders: Inject[Orders]) -> OrderView:
    return OrderView.model_validate(await orders.place(draft.customer_id, draft.items))


# --8<-- [end:place]


# --8<-- [start:export]
@router.get(".csv")
async def export(session: Inject[ReplicaSession], tenant: Inject[Tenant]) -> StreamingResponse:
    """All orders, sent while they are read."""
    return StreamingResponse(_lines(session, tenant), media_type="text/csv")


# --8<-- [end:export]


async def _lines(session: AsyncSession, tenant: Tenant) -> AsyncIterator[str]:
    mine = select(Order).where(Order.tenant == tenant.name).order_by(Order.id)
    yield "order,state,total\r\n"
    async for order in await session.stream_scalars(mine.execution_options(yield_per=100)):
        line = io.StringIO()
        csv.writer(line).writerow([order.id, order.state, order.total])
        yield line.getvalue()


@router.get("/{number}")
async def get_order(number: Number, orders: Inject[Orders]) -> OrderView:
    return OrderView.model_validate(await orders.order(number))


@router.post("/{number}/cancel")
async def cancel_order(number: Number, orders: Inject[Orders]) -> OrderView:
    return OrderView.model_validate(await orders.cancel(number))
