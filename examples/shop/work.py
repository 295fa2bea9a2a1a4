"""The functions that do jobs. What they need is filled in; they know no queue and no lifescope.

A job may be done more than once: a worker that is killed has not said that it was through.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from shop.customers import Customers
from shop.mail import Mailer
from shop.orders import Orders
from shop.payments import DeclinedError, Gateway
from shop.tenants import Tenant


# --8<-- [start:charge]
async def charge(
    number: int, card: str, cents: int, gateway: Gateway, orders: Orders, tenant: Tenant
) -> None:
    """Have an order paid for."""
    try:
        # Before the first query, so that no transaction is open while we wait for the answer.
        payment = await gateway.charge(f"{tenant.name}-{number}", card, cents)
    except DeclinedError:
        await orders.refuse(number)
    else:
        await orders.pay(number, payment)


# --8<-- [end:charge]


async def refund(payment: str, gateway: Gateway) -> None:
    """Give the money back."""
    await gateway.refund(payment)


async def confirm(
    number: int, orders: Orders, customers: Customers, mailer: Mailer, tenant: Tenant
) -> None:
    """Tell the customer that all is well."""
    await _tell("confirm", number, orders, customers, mailer, tenant)


async def tell_refused(
    number: int, orders: Orders, customers: Customers, mailer: Mailer, tenant: Tenant
) -> None:
    """Tell the customer that it is not."""
    await _tell("refused", number, orders, customers, mailer, tenant)


async def _tell(
    letter: str, number: int, orders: Orders, customers: Customers, mailer: Mailer, tenant: Tenant
) -> None:
    order = await orders.order(number)
    customer = await customers.customer(order.customer_id)
    await mailer.send(
        letter, to=customer.email, name=customer.name, number=number, shop=tenant.name
    )


JOBS: Mapping[str, Callable[..., Coroutine[Any, Any, None]]] = {
    job.__name__: job for job in (charge, refund, confirm, tell_refused)
}
