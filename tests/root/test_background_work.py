"""`Background`: work that outlives its request, with a scope of its own (H08, G9)."""

import logging
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.to_thread
import pytest
from fastapi import FastAPI

from integrations.driving import answering, get, lifespan
from lifescope import (
    Background,
    Container,
    ScopeClosedError,
    SuppliedValueError,
    current_scope,
    provider,
    supplied,
)
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.anyio


class Mailbox:
    def __init__(self) -> None:
        self.is_open = True


class User:
    def __init__(self, name: str) -> None:
        self.name = name


def mailboxes(log: Any) -> Any:
    numbers = iter(range(1, 100))

    @provider(scope="request")
    async def mailbox() -> AsyncIterator[Mailbox]:
        number = next(numbers)
        log(f"{number} opens")
        box = Mailbox()
        try:
            yield box
        except BaseException as error:
            log(f"{number} saw {type(error).__name__}")
            raise
        finally:
            box.is_open = False
            log(f"{number} closes")

    return mailbox


async def test_work_outlives_its_request(log):
    """H08: The request is over, its mailbox closed; the work goes on, with a mailbox of its own."""
    go_on = anyio.Event()

    async def work(name: str, mailbox: Mailbox) -> None:
        await go_on.wait()
        assert mailbox.is_open
        log(f"mail to {name}")

    async def endpoint() -> str:
        scope = current_scope()
        await scope.get(Mailbox)
        (await scope.get(Background)).spawn(work, name="Ada")
        return "done"

    root = Container(mailboxes(log)).asgi(lambda: answering(endpoint))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "done"
        await anyio.wait_all_tasks_blocked()
        assert log.events == ["1 opens", "1 closes", "2 opens"]
        go_on.set()
    assert log.events[3:] == ["mail to Ada", "2 closes"]


async def test_stop_waits_for_the_work_and_then_cancels_it(log):
    """G9: After drain_timeout the work is cancelled; the app scope ends after it."""

    @provider(scope="app", eager=True)
    async def app_scoped() -> AsyncIterator[int]:
        yield 1
        log("app closes")

    async def work(mailbox: Mailbox) -> None:
        await anyio.sleep_forever()

    async def endpoint() -> str:
        (await current_scope().get(Background)).spawn(work)
        return "done"

    container = Container(mailboxes(log), app_scoped)
    root = container.asgi(lambda: answering(endpoint), drain_timeout=0.05)
    async with lifespan(root) as running:
        await get(root, state=running.state)
        await anyio.wait_all_tasks_blocked()
    (cancelled,) = log.starting_with("1 saw")
    assert cancelled in ("1 saw CancelledError", "1 saw Cancelled")
    assert log.events == ["1 opens", cancelled, "1 closes", "app closes"]


async def test_error_of_the_work_goes_to_the_log(caplog, log):
    """H08: Nobody waits for it, so the log has the error, with the name of the function."""

    async def work(mailbox: Mailbox) -> None:
        raise LookupError("no such user")

    async with Container(mailboxes(log)).open() as app:
        (await app.get(Background)).spawn(work)
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "work() in the background has failed" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
    assert log.events == ["1 opens", "1 saw LookupError", "1 closes"]


async def test_scope_opened_by_hand_waits_for_the_work(log):
    """G9: `container.open()` does not end under background work either."""

    async def work(mailbox: Mailbox) -> None:
        await anyio.lowlevel.checkpoint()
        log("work")

    async with Container(mailboxes(log)).open() as app:
        background = await app.get(Background)
        background.spawn(work)
        background.spawn(log, "plain function")
    assert sorted(log.events) == ["1 closes", "1 opens", "plain function", "work"]


async def test_values_are_handed_in(log):
    """H08: What is declared with `supplied` in the request scope is passed to `spawn`."""

    async def work(user: User) -> None:
        log(user.name)

    async with Container(supplied(User, scope="request")).open() as app:
        background = await app.get(Background)
        background.spawn(work, values={User: User("Ada")})
        with pytest.raises(SuppliedValueError):
            background.spawn(work)
    assert log.events == ["Ada"]


async def test_work_can_be_spawned_from_a_thread(log):
    """H08: A synchronous endpoint runs in a thread, and may spawn all the same."""
    app = FastAPI()

    @app.get("/")
    def endpoint(background: Inject[Background]) -> str:
        background.spawn(work)
        return "done"

    async def work(mailbox: Mailbox) -> None:
        log("work")

    root = Container(mailboxes(log)).asgi(lambda: app)
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == '"done"'
    assert log.events == ["1 opens", "work", "1 closes"]


async def test_work_may_spawn_more_work(log):
    """G9: What background work spawns while the app drains is waited for, too."""

    async def first(background: Background) -> None:
        await anyio.lowlevel.checkpoint()
        background.spawn(second)

    async def second() -> None:
        await anyio.lowlevel.checkpoint()
        log("second")

    async with Container().open() as app:
        (await app.get(Background)).spawn(first)
    assert log.events == ["second"]


async def test_nothing_is_spawned_after_the_end():
    """G10: After the app scope has ended, `spawn` is an error."""
    async with Container().open() as app:
        background = await app.get(Background)
    with pytest.raises(ScopeClosedError, match="background work"):
        background.spawn(anyio.sleep, 0)


VARIABLE: ContextVar[str] = ContextVar("variable", default="unset")


async def test_context_is_that_of_the_request(log):
    """G6: Variables are as they were where the work was spawned; the current scope is its own."""

    async def work() -> None:
        log(VARIABLE.get())
        log(str(current_scope() is not spawned_in[0]))

    spawned_in = []

    async def endpoint() -> str:
        VARIABLE.set("mine")
        spawned_in.append(current_scope())
        (await current_scope().get(Background)).spawn(work)
        VARIABLE.set("later")
        return "done"

    root = Container().asgi(lambda: answering(endpoint))
    async with lifespan(root) as running:
        await get(root, state=running.state)
    assert log.events == ["mine", "True"]


@pytest.mark.parametrize("scopes", [("app",), ("app", "call"), ("app", "job", "step")])
async def test_scope_of_the_work_in_containers_without_requests(log, scopes):
    """H08: It is the one next to the app scope; a call scope is opened by the call."""

    async def work() -> None:
        log(current_scope().name)

    async with Container(scopes=scopes).open() as app:
        (await app.get(Background)).spawn(work)
    assert log.events == ["job" if "job" in scopes else "app"]


async def test_app_scoped_objects_may_ask_for_it(log):
    """H08: It belongs to the app scope, whoever asks."""

    @provider(scope="app")
    class Newsletter:
        def __init__(self, background: Background) -> None:
            self._background = background

        def send(self) -> None:
            self._background.spawn(log, "sent")

    async with Container(Newsletter).open() as app:
        (await app.get(Newsletter)).send()
    assert log.events == ["sent"]


async def test_anything_with_spawn_will_do_in_a_test(log):
    """I11: It is a protocol; a test passes what it likes, here through an override."""

    class Fake:
        def spawn(self, fn: Any, /, *args: Any, values: Any = None, **kwargs: Any) -> None:
            log(f"spawned {fn.__name__}")

    async def sign_up(background: Background) -> None:
        background.spawn(sign_up)

    await sign_up(Fake())
    assert log.events == ["spawned sign_up"]
