"""Commands of typer: `python -m jobs.command order tea`."""

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import typer
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from jobs.shop import Order, container, place_order

T = TypeVar("T")

cli = typer.Typer()


# --8<-- [start:run]
async def in_request(work: Callable[..., Awaitable[T]], *args: object) -> T:
    """Call *work* in scopes that last as long as the command; what it needs is filled in."""
    async with container.open() as app, app.open("request") as request:
        result: T = await request.call(work, *args)
    return result


# --8<-- [end:run]


# --8<-- [start:command]
@cli.command()
def order(item: str) -> None:
    """Order ITEM."""
    number = anyio.run(in_request, place_order, item)
    typer.echo(f"This is order {number}.")


# --8<-- [end:command]


async def count_orders(session: AsyncSession) -> int:
    return await session.scalar(select(func.count(Order.id))) or 0


@cli.command()
def count() -> None:
    """Say how many orders there are."""
    typer.echo(anyio.run(in_request, count_orders))


# --8<-- [start:main]
def as_ctrl_c(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def main() -> None:
    signal.signal(signal.SIGTERM, as_ctrl_c)  # Python would end at once, and release nothing
    cli()


# --8<-- [end:main]

if __name__ == "__main__":
    main()
