"""The app with lifescope: one provider for each thing, and for what the lifespan held."""

# --8<-- [start:imports]
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject
from migrate import orders
from migrate.orders import FakePrices, Orders, OutOfStockError, Prices, Settings

# --8<-- [end:imports]


# --8<-- [start:app_scope]
@provider(scope="app")
def settings() -> Settings:
    return Settings()


@provider(scope="app")
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = await orders.open_engine(settings)
    yield engine
    await orders.close_engine(engine)


@provider(scope="app")
async def prices() -> AsyncIterator[Prices]:
    prices = Prices()
    yield prices
    await prices.close()


# --8<-- [end:app_scope]


# --8<-- [start:request_scope]
@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:request_scope]


# --8<-- [start:endpoints]
def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/orders/{item}")
    async def place(item: str, orders: Inject[Orders]) -> str:
        try:
            return await orders.place(item)
        except OutOfStockError as error:
            raise HTTPException(409, "out of stock") from error

    @app.get("/orders")
    async def items(orders: Inject[Orders]) -> list[str]:
        return await orders.items()

    return app


# --8<-- [end:endpoints]


# --8<-- [start:root]
container = Container(settings, engine, prices, session, provider(Orders, scope="request"))
app = container.asgi(create_app)
# --8<-- [end:root]


# --8<-- [start:test]
def test_price() -> None:
    with container.override(Prices, FakePrices()), TestClient(app) as client:
        assert client.post("/orders/tea").json() == "tea: 0 EUR"


# --8<-- [end:test]
