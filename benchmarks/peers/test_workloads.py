"""The workloads do what they say, and the checks notice who does less. Nothing is timed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from benchmarks.peers import building
from benchmarks.peers.checks import NOT_REVERSED, WrongWorkError
from benchmarks.peers.contestants import load
from benchmarks.peers.contestants.contestant import UNORDERED, Contestant, lookup
from benchmarks.peers.contestants.hand import Hand
from benchmarks.peers.exercises import prepare
from benchmarks.peers.graphs.diamond import Root
from benchmarks.peers.graphs.witness import tick
from benchmarks.peers.workloads import BY_ID, WORKLOADS, Workload

_DEADLINE = 60

_PAIRS = [
    pytest.param(workload, name, id=f"{workload.id}-{name}")
    for workload in WORKLOADS
    for name in ("hand", "floor", "lifescope")
    if not lookup(load(name).unable, workload.id)
]


def within_deadline(work: Callable[[], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(_DEADLINE):
            return await work()

    return asyncio.run(limited())


@pytest.mark.parametrize(("workload", "name"), _PAIRS)
def test_the_work_is_done(workload: Workload, name: str) -> None:
    """Each of these does all of the work of each workload, with nothing to remark."""

    async def work() -> None:
        if workload.form == "build":
            await building.build(workload, name, is_traced=False)
            return
        exercise = await prepare(workload, load(name))
        await exercise.check()
        await exercise.run(2)
        await exercise.check()
        await exercise.stop()
        assert exercise.remarks == []

    within_deadline(work)


class Cheat(Hand):
    """By hand, and then something is changed in what comes out."""

    def __init__(self, change: Callable[[Root], Root]) -> None:
        self._change = change

    def unit(self) -> Any:
        unit = super().unit()

        async def changed() -> Root:
            return self._change(await unit())

        return changed


def checked(contestant: Contestant) -> list[str]:
    """What the checks of W3 remark."""

    async def work() -> list[str]:
        exercise = await prepare(BY_ID["w3"], contestant)
        await exercise.check()
        return exercise.remarks

    remarks: list[str] = within_deadline(work)
    return remarks


kept: list[Root] = []


def share_root(root: Root) -> Root:
    kept.append(root)
    return kept[0]


def share_session(root: Root) -> Root:
    kept.append(root)
    session = kept[0].session
    for user in (root, root.users, root.billing.orders, root.billing.mailer):
        user.session = session
    return root


def second_session(root: Root) -> Root:
    root.users.session = type(root.session)(root.session.pool)
    return root


def second_pool(root: Root) -> Root:
    root.session.pool = type(root.session.pool)(root.billing.mailer.settings)
    return root


def not_released(root: Root) -> Root:
    root.session.closed = 0
    return root


@pytest.mark.parametrize(
    "change", [share_root, share_session, second_session, second_pool, not_released]
)
def test_wrong_work_is_noticed(change: Callable[[Root], Root]) -> None:
    """Objects shared between scopes, made twice in one, or not released when it is left."""
    kept.clear()
    with pytest.raises(WrongWorkError):
        checked(Cheat(change))


def session_first(root: Root) -> Root:
    root.session.closed, root.billing.mailer.closed = (
        root.billing.mailer.closed,
        root.session.closed,
    )
    return root


def in_order_of_set_up(root: Root) -> Root:
    root.billing.orders.closed, root.billing.mailer.closed = tick(), tick()
    root.session.closed = tick()
    return root


@pytest.mark.parametrize(
    ("change", "remark"), [(session_first, UNORDERED), (in_order_of_set_up, NOT_REVERSED)]
)
def test_another_order_of_releases_is_remarked(change: Callable[[Root], Root], remark: str) -> None:
    """Who releases in another order has done the work, and gets a note."""
    assert checked(Cheat(change)) == [remark]
