"""The app as FastAPI's documentation would have it: a lifespan, app.state and Depends."""

# --8<-- [start:imports]
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from migrate import orders
from migrate.orders import FakePrices, Orders, OutOfStockError, Prices, Settings

# --8<-- [end:imports]


# --8<-- [start:settings]
@cache
def get_settings() -> Settings:
    return Settings()


# --8<-- [end:settings]


# --8<-- [start:lifespan]
@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    app.state.engine = await orders.open_engine(get_settings())
    app.state.prices = Prices()
    yield
    await app.state.prices.close()
    await orders.close_engine(app.state.engine)


def get_engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


def get_prices(request: Request) -> Prices:
    prices: Prices = request.app.state.prices
    return prices


# --8<-- [end:lifespan]


# --8<-- [start:session]
async def get_session(
    engine: Annotated[AsyncEngine, Depends(get_engine)],
) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


def get_orders(
    session: Annotated[AsyncSession, Depends(get_session)],
    prices: Annotated[Prices, Depends(get_prices)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> Orders:
    return Orders(session, prices, settings)


# --8<-- [end:session]


# --8<-- [start:endpoints]
app = FastAPI(lifespan=lifespan)


@app.post("/orders/{item}")
async def place(item: str, orders: Annotated[Orders, Depends(get_orders)]) -> str:
    try:
        return await orders.place(item)
    except OutOfStockError as error:
        raise HTTPException(409, "out of stock") from error


@app.get("/orders")
async def items(orders: Annotated[Orders, Depends(get_orders)]) -> list[str]:
    return await orders.items()


# --8<-- [end:endpoints]


# --8<-- [start:test]
def test_price() -> None:
    app.dependency_overrides[get_prices] = FakePrices
    try:
        with TestClient(app) as client:
            assert client.post("/orders/tea").json() == "tea: 0 EUR"
    finally:
        app.dependency_overrides.clear()


# --8<-- [end:test]
