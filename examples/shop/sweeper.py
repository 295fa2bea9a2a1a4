"""Gives up orders that nobody pays for. Knows no lifescope."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import anyio
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from shop.catalogue import Product
from shop.clock import Clock
from shop.orders import Order

PATIENCE = timedelta(minutes=30)
PAUSE = 60.0  # seconds between two rounds


class Sweeper:
    """Looks at the orders of all shops, from time to time."""

    def __init__(
        self, open_session: Callable[[], AbstractAsyncContextManager[AsyncSession]], clock: Clock
    ) -> None:
        """Take a function that opens a transaction of its own for each round."""
        self._open_session = open_session
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            # A round is short. If its query were interrupted, SQLAlchemy could only throw the
            # connection away.
            with anyio.CancelScope(shield=True):
                await self.sweep()
            await anyio.sleep(PAUSE)

    async def sweep(self) -> int:
        """Give up what nobody has paid for; so many orders."""
        async with self._open_session() as session:
            late = select(Order).where(
                Order.state == "placed", Order.placed < self._clock.now() - PATIENCE
            )
            orders = (await session.scalars(late.options(selectinload(Order.lines)))).all()
            for order in orders:
                order.state = "expired"
                for line in order.lines:
                    product = (Product.tenant == order.tenant) & (Product.sku == line.sku)
                    more = Product.stock + line.quantity
                    await session.execute(update(Product).where(product).values(stock=more))
            return len(orders)
        raise AssertionError("type checkers think that a session can swallow an error")
