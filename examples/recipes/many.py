"""What the page "Collect, wrap and generalise" shows."""

from typing import Generic, Protocol, TypeVar

from lifescope import Container, provider


# --8<-- [start:collect]
class Check(Protocol):
    async def is_healthy(self) -> bool: ...


@provider(scope="app", provides=Check, many=True)
class DatabaseCheck:
    async def is_healthy(self) -> bool:
        return True


@provider(scope="app", provides=Check, many=True)
class QueueCheck:
    async def is_healthy(self) -> bool:
        return False


@provider(scope="app")
class Health:
    def __init__(self, checks: list[Check]) -> None:
        self._checks = checks

    async def report(self) -> list[bool]:
        return [await check.is_healthy() for check in self._checks]


# --8<-- [end:collect]


# --8<-- [start:wrap]
class Rates(Protocol):
    async def rate(self, currency: str) -> float: ...


@provider(scope="app", provides=Rates)
class BankRates:
    asked = 0

    async def rate(self, currency: str) -> float:
        BankRates.asked += 1
        return 1.5


@provider(scope="app", provides=Rates, decorate=True)
class CachedRates:
    def __init__(self, inner: Rates) -> None:
        self._inner = inner
        self._known: dict[str, float] = {}

    async def rate(self, currency: str) -> float:
        if currency not in self._known:
            self._known[currency] = await self._inner.rate(currency)
        return self._known[currency]


# --8<-- [end:wrap]


class Order:
    pass


class Customer:
    pass


# --8<-- [start:generic]
T = TypeVar("T")


@provider(scope="app")
class Repository(Generic[T]):
    def __init__(self, model: type[T], rates: Rates) -> None:
        self.model = model
        self.rates = rates


@provider(scope="app")
class Report:
    def __init__(self, orders: Repository[Order], customers: Repository[Customer]) -> None:
        self.orders = orders
        self.customers = customers


# --8<-- [end:generic]

container = Container(DatabaseCheck, QueueCheck, Health, BankRates, CachedRates, Repository, Report)
