"""Code that is not async, in as many threads as it likes, on the same container."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from anyio.from_thread import BlockingPortal, start_blocking_portal

from jobs.shop import Courier, container, place_order
from lifescope import OpenScope


# --8<-- [start:portal]
def order_and_wait(item: str) -> int:
    with (
        start_blocking_portal() as portal,  # an event loop in a thread of its own
        portal.wrap_async_context_manager(container.open()) as app,
        portal.wrap_async_context_manager(app.open("request")) as request,
    ):
        number: int = portal.call(request.call, place_order, item)
    return number  # it is committed, and everything is released


# --8<-- [end:portal]


# --8<-- [start:threads]
class Importer:
    """Places orders from any thread."""

    def __init__(self, portal: BlockingPortal, app: OpenScope) -> None:
        self._portal = portal
        self._app = app

    def place(self, item: str) -> int:
        opening = self._app.open("request")  # for each order a scope, and a transaction
        with self._portal.wrap_async_context_manager(opening) as request:
            number: int = self._portal.call(request.call, place_order, item)
        return number


def import_orders(items: Iterable[str]) -> list[int]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(container.open()) as app,
        ThreadPoolExecutor() as threads,
    ):
        return list(threads.map(Importer(portal, app).place, items))


# --8<-- [end:threads]


# --8<-- [start:objects]
def book(item: str) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(container.open()) as app,
    ):
        courier = portal.call(app.get, Courier)
        portal.call(courier.book, item)


# --8<-- [end:objects]
