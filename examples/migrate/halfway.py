"""Half of the way from Depends: the lifespan has become providers, the endpoints are as before."""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.ext.asyncio import AsyncSession

from lifescope import Container
from lifescope.integrations.fastapi import Inject
from migrate.after import engine, prices, session, settings
from migrate.orders import Orders, OutOfStockError, Prices, Settings


# --8<-- [start:dependencies]
def get_session(session: Inject[AsyncSession]) -> AsyncSession:
    return session


def get_prices(prices: Inject[Prices]) -> Prices:
    return prices


def get_settings(settings: Inject[Settings]) -> Settings:
    return settings


# --8<-- [end:dependencies]


def get_orders(
    session: Annotated[AsyncSession, Depends(get_session)],
    prices: Annotated[Prices, Depends(get_prices)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> Orders:
    return Orders(session, prices, settings)


# --8<-- [start:root]
old_app = FastAPI()

container = Container(settings, engine, prices, session)
app = container.asgi(old_app)
# --8<-- [end:root]


@old_app.post("/orders/{item}")
async def place(item: str, orders: Annotated[Orders, Depends(get_orders)]) -> str:
    try:
        return await orders.place(item)
    except OutOfStockError as error:
        raise HTTPException(409, "out of stock") from error


@old_app.get("/orders")
async def items(orders: Annotated[Orders, Depends(get_orders)]) -> list[str]:
    return await orders.items()
