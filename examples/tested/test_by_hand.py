"""The classes of an application are built by hand: nothing here knows of lifescope."""

# --8<-- [start:by_hand]
import asyncio
import sys

from tested.orders import Orders, Store, Transaction


class Outbox:
    sender = "test@example.com"

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, to: str, text: str) -> None:
        self.sent.append((to, text))

    async def close(self) -> None: ...


def test_an_order_is_confirmed() -> None:
    store, outbox = Store(), Outbox()
    changes = Transaction(store)
    number = asyncio.run(Orders(changes, outbox).place("tea", "ada@example.com"))
    changes.commit()
    assert store.orders == {number: "tea"}
    assert outbox.sent == [("ada@example.com", "Order 1: tea")]


# --8<-- [end:by_hand]


def test_the_domain_knows_nothing_of_lifescope() -> None:
    modules = vars(sys.modules["tested.orders"]).values()
    used = {getattr(each, "__module__", "") or "" for each in modules}
    assert not any(module.startswith("lifescope") for module in used)
