"""What there is to buy. Knows no web and no lifescope."""

from collections.abc import Sequence

from sqlalchemy import String, UniqueConstraint, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shop.database import Owned, Repo


class OutOfStockError(Exception):
    """Raised when somebody wants more than there is."""


class Product(Owned):
    __tablename__ = "products"
    __table_args__ = (UniqueConstraint("tenant", "sku"),)

    sku: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[int]  # in cents
    stock: Mapped[int]


class Catalogue:
    """The products of a shop, and how many of each there are."""

    def __init__(self, products: Repo[Product], session: AsyncSession) -> None:
        self._products = products
        self._session = session

    async def products(self) -> Sequence[Product]:
        return await self._products.all()

    async def product(self, sku: str) -> Product:
        return await self._products.one(sku=sku)

    async def add(self, sku: str, name: str, price: int, stock: int) -> Product:
        return await self._products.add(Product(sku=sku, name=name, price=price, stock=stock))

    async def take(self, sku: str, quantity: int) -> Product:
        """Take some off the shelf.

        Raises:
            NotFoundError: There is no such product.
            OutOfStockError: There are fewer of it.
        """
        product = await self.product(sku)
        # In one statement: somebody else may have taken some since we looked.
        taken = await self._session.scalar(
            update(Product)
            .where(Product.id == product.id, Product.stock >= quantity)
            .values(stock=Product.stock - quantity)
            .returning(Product.id)
        )
        if taken is None:
            raise OutOfStockError(f"There are not {quantity} of {product.name}.")
        await self._session.refresh(product)
        return product

    async def put_back(self, sku: str, quantity: int) -> None:
        product = await self.product(sku)
        product.stock = Product.stock + quantity
