"""The domain of the page "Test an application": it imports nothing of lifescope."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol


class Mailer(Protocol):
    """Sends messages."""

    sender: str

    async def send(self, to: str, text: str) -> None: ...
    async def close(self) -> None: ...


@dataclass
class Store:
    """What has been ordered, by the number of the order."""

    orders: dict[int, str] = field(default_factory=dict[int, str])


class Transaction:
    """Changes to the store, which are made when it is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._added: list[str] = []

    def add(self, item: str) -> int:
        self._added.append(item)
        return len(self._store.orders) + len(self._added)

    def commit(self) -> None:
        for item in self._added:
            self._store.orders[len(self._store.orders) + 1] = item


async def transaction(store: Store) -> AsyncIterator[Transaction]:
    """A transaction that is committed if nothing fails while it is open."""
    changes = Transaction(store)
    yield changes
    changes.commit()


class Orders:
    """Takes orders, and confirms them."""

    def __init__(self, changes: Transaction, mailer: Mailer) -> None:
        self._changes = changes
        self._mailer = mailer

    async def place(self, item: str, customer: str) -> int:
        number = self._changes.add(item)
        await self._mailer.send(customer, f"Order {number}: {item}")
        return number
