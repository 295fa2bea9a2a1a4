"""A server may send messages that nobody knows yet."""

from typing import Any

import anyio
import pytest

from integrations.driving import Lifespan, Message, answering, get
from lifescope import Container

pytestmark = pytest.mark.anyio


class Chatty(Lifespan):
    """A server that says more than `lifespan.startup` and `lifespan.shutdown`."""

    has_said_it = False

    async def _receive(self) -> Message:
        if self._asked and not self.has_said_it:
            self.has_said_it = True
            return {"type": "lifespan.something_new"}
        return await super()._receive()


async def title() -> str:
    return "title"


@pytest.mark.parametrize("bound", [False, True])
async def test_unknown_message_of_the_lifespan_does_not_stop_the_app(*, bound: bool) -> None:
    """The app goes on until it is told to stop; also one that a block has started."""
    root = Container().asgi(lambda: answering(title))

    async def serve(app: Any) -> None:
        running = Chatty(app)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: running.run(with_state=True))
            await running.start()
            await anyio.wait_all_tasks_blocked()
            assert running.has_said_it
            assert running.sent == ["lifespan.startup.complete"]
            assert await get(app, state=running.state) == "title"
            await running.stop()
        assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    if bound:
        async with root.factory() as app:
            await serve(app)
    else:
        await serve(root)
