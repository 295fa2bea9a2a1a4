"""What has been ordered, and what becomes of it. Knows no web and no lifescope."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Select, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from shop.catalogue import Catalogue
from shop.clock import Clock
from shop.customers import Customers
from shop.database import Base, Owned, Repo, UtcTime
from shop.jobs import Outgoing
from shop.pricing import Item, Pricing

State = Literal["placed", "paid", "refused", "cancelled", "expired"]


class WrongStateError(Exception):
    """Raised when it is too late, or too early, for something."""


class Order(Owned):
    __tablename__ = "orders"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    placed: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[State] = mapped_column(String(20), default="placed")
    total: Mapped[int]  # in cents
    payment: Mapped[str | None] = mapped_column(String(50))
    lines: Mapped[list["OrderLine"]] = relationship()


class OrderLine(Base):
    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(50), primary_key=True)
    quantity: Mapped[int]


class OrderRepo(Repo[Order]):
    """Orders come with their lines."""

    def query(self) -> Select[Any]:
        return super().query().options(selectinload(Order.lines))


class Orders:
    """The orders of a shop."""

    def __init__(
        self,
        orders: Repo[Order],
        catalogue: Catalogue,
        customers: Customers,
        pricing: Pricing,
        clock: Clock,
        outgoing: Outgoing,
    ) -> None:
        self._orders = orders
        self._catalogue = catalogue
        self._customers = customers
        self._pricing = pricing
        self._clock = clock
        self._outgoing = outgoing

    async def order(self, number: int) -> Order:
        return await self._orders.one(id=number)

    async def place(self, customer_id: int, wanted: Mapping[str, int]) -> Order:
        """Order what is *wanted*: so many of each product. It is paid for later.

        Raises:
            NotFoundError: There is no such customer, or no such product.
            OutOfStockError: There are fewer of it.
        """
        customer = await self._customers.customer(customer_id)
        items: list[Item] = []
        for sku, quantity in sorted(wanted.items()):
            product = await self._catalogue.take(sku, quantity)
            items.append(Item(sku, product.price, quantity))
        order = await self._orders.add(
            Order(
                customer_id=customer.id,
                placed=self._clock.now(),
                total=self._pricing.total(items),
                lines=[OrderLine(sku=item.sku, quantity=item.quantity) for item in items],
            )
        )
        self._outgoing.add("charge", order.id, customer.card, order.total)
        return order

    async def pay(self, number: int, payment: str) -> None:
        """Note that an order has been paid for."""
        order = await self.order(number)
        if order.state == "paid":
            return  # a job may be done twice
        order.payment = payment
        if order.state == "placed":
            order.state = "paid"
            self._outgoing.add("confirm", number)
        else:  # it was cancelled while the payment was on its way
            self._outgoing.add("refund", payment)

    async def refuse(self, number: int) -> None:
        """Note that an order will not be paid for."""
        order = await self.order(number)
        if order.state == "placed":
            await self._undo(order, "refused")
            self._outgoing.add("tell_refused", number)

    async def cancel(self, number: int) -> Order:
        """Cancel an order, and give the money back.

        Raises:
            WrongStateError: There is nothing left to cancel.
        """
        order = await self.order(number)
        if order.state not in ("placed", "paid"):
            raise WrongStateError(f"This order is {order.state}.")
        await self._undo(order, "cancelled")
        if order.payment is not None:
            self._outgoing.add("refund", order.payment)
        return order

    async def _undo(self, order: Order, state: State) -> None:
        order.state = state
        for line in order.lines:
            await self._catalogue.put_back(line.sku, line.quantity)
