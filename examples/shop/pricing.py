"""What an order costs. Knows no web, no database and no lifescope."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Item:
    """Some of one product."""

    sku: str
    price: int
    quantity: int


class Discount(Protocol):
    """A reason why an order costs less."""

    def off(self, items: Sequence[Item]) -> int:
        """So many cents less."""
        ...


class ManyOfOne:
    """A tenth off, for ten or more of one product."""

    def off(self, items: Sequence[Item]) -> int:
        return sum(item.price * item.quantity // 10 for item in items if item.quantity >= 10)


class ManyProducts:
    """Five off, for five different products."""

    def off(self, items: Sequence[Item]) -> int:
        return 500 if len({item.sku for item in items}) >= 5 else 0


class Pricing:
    """Adds up, and takes every discount off."""

    def __init__(self, discounts: list[Discount]) -> None:
        self._discounts = discounts

    def total(self, items: Sequence[Item]) -> int:
        """What *items* cost, in cents."""
        full = sum(item.price * item.quantity for item in items)
        return max(0, full - sum(discount.off(items) for discount in self._discounts))
