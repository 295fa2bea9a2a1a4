"""Who buys. Knows no web and no lifescope."""

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from shop.database import Owned, Repo


class EmailTakenError(Exception):
    """Raised when somebody else has the address already."""


class Customer(Owned):
    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("tenant", "email"),)

    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(200))
    card: Mapped[str] = mapped_column(String(50))  # a token of the payment service's


class Customers:
    """The customers of a shop."""

    def __init__(self, customers: Repo[Customer]) -> None:
        self._customers = customers

    async def customer(self, number: int) -> Customer:
        return await self._customers.one(id=number)

    async def register(self, name: str, email: str, card: str) -> Customer:
        """Add a customer.

        Raises:
            EmailTakenError: There is one with this address.
        """
        try:
            return await self._customers.add(Customer(name=name, email=email, card=card))
        except IntegrityError as error:
            raise EmailTakenError(f"There is a customer with the address {email}.") from error
