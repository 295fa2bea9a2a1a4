"""A worker of one's own, where no library has a place for the scopes."""

from collections.abc import AsyncIterable

from jobs.shop import container, place_order


# --8<-- [start:worker]
async def place_orders(items: AsyncIterable[str]) -> None:
    async with container.open() as app:  # as long as the worker
        async for item in items:
            async with app.open("request") as request:  # for each job
                await request.call(place_order, item)


# --8<-- [end:worker]
