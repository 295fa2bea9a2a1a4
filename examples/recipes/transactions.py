"""What the page "Commit, and roll back" shows."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.background import BackgroundTask

from lifescope import Container, Named, current_scope, provider
from lifescope.integrations.fastapi import Inject


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(unique=True)


class SoldOutError(Exception):
    """An error of the application's own."""


@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///orders.db")
    async with engine.begin() as setup:
        await setup.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


# --8<-- [start:call]
@provider(scope="call")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine, close_resets_only=False) as session, session.begin():
        yield session


# --8<-- [end:call]


# --8<-- [start:request]
@provider(scope="request", name="until sent")
async def session_until_sent(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


UntilSent = Annotated[AsyncSession, Named("until sent")]
# --8<-- [end:request]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:commit]
    @app.post("/orders/{item}")
    async def order(item: str, session: Inject[AsyncSession]) -> str:
        session.add(Order(item=item))
        return "thank you"  # is sent when the order has been committed

    # --8<-- [end:commit]

    # --8<-- [start:conflict]
    @app.exception_handler(IntegrityError)
    async def conflict(request: Request, error: IntegrityError) -> JSONResponse:
        return JSONResponse("there is such an order already", 409)

    # --8<-- [end:conflict]

    # --8<-- [start:refuse]
    @app.post("/limited/{item}")
    async def order_within_limit(item: str, session: Inject[AsyncSession]) -> str:
        session.add(Order(item=item))
        count = await session.scalar(select(func.count(Order.id)))  # with the new one
        if count is None or count > 3:
            raise HTTPException(409, "sold out")  # and the order is rolled back
        return "thank you"

    # --8<-- [end:refuse]

    # --8<-- [start:declare]
    @app.post("/polite/{item}")
    async def order_politely(item: str, session: Inject[AsyncSession]) -> JSONResponse:
        session.add(Order(item=item))
        current_scope().record_failure(SoldOutError())
        return JSONResponse("sold out, sorry", 409)

    # --8<-- [end:declare]

    # --8<-- [start:stream]
    @app.get("/orders.csv")
    async def export(session: Inject[UntilSent]) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            orders = select(Order).order_by(Order.id).execution_options(yield_per=100)
            async for order in await session.stream_scalars(orders):
                line = io.StringIO()
                csv.writer(line).writerow([order.id, order.item])
                yield line.getvalue()

        return StreamingResponse(lines(), media_type="text/csv")

    # --8<-- [end:stream]

    # --8<-- [start:background]
    @app.post("/later/{item}")
    async def order_later(item: str, session: Inject[UntilSent]) -> JSONResponse:
        async def note() -> None:
            session.add(Order(item=item))

        return JSONResponse("we will see", background=BackgroundTask(note))

    # --8<-- [end:background]

    # --8<-- [start:unchanged]
    @app.put("/orders/{item}")
    async def replace(item: str, session: Inject[AsyncSession]) -> str:
        session.add(Order(item=item))
        raise HTTPException(304)

    # --8<-- [end:unchanged]
    return app


container = Container(engine, session, session_until_sent)
app = container.asgi(create_app)


# --8<-- [start:policy]
def is_failure(error: Exception) -> bool:
    return not (isinstance(error, HTTPException) and error.status_code < 400)


lenient_app = container.asgi(create_app, is_failure=is_failure)
# --8<-- [end:policy]
