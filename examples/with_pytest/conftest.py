"""What the tests of this folder share."""

# --8<-- [start:conftest]
import pytest

from lifescope.pytest_plugin import lifescope_fixture
from with_pytest import orders


@pytest.fixture(scope="session")
def lifescope_app() -> object:
    return orders.app


# --8<-- [end:conftest]


# --8<-- [start:replacements]
class Outbox(orders.Mailer):
    """Keeps mails instead of sending them."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, text: str) -> None:
        self.sent.append(text)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def lifescope_replacements(outbox: Outbox) -> dict[object, object]:
    return {orders.Mailer: outbox}


# --8<-- [end:replacements]

# --8<-- [start:keys]
order_service = lifescope_fixture(orders.OrderService)
store = lifescope_fixture(orders.Store)
# --8<-- [end:keys]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
