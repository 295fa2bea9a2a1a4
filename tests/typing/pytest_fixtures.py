"""Keys as fixtures, and what the fixtures of the plugin for pytest give."""

from collections.abc import Callable
from typing import Annotated, Protocol, assert_type

from lifescope import Named
from lifescope.pytest_plugin import LifescopeOverride, ScopeInTest, lifescope_fixture


class Clock(Protocol):
    """A protocol as a key."""

    def now(self) -> float: ...


class Fake:
    """Stands in for a Clock."""

    def now(self) -> float:
        return 0.0


clock = lifescope_fixture(Clock)
replica = lifescope_fixture(Annotated[int, Named("replica")], scope="module", name="of_replica")
assert_type(clock, Callable[..., Clock])
assert_type(replica, Callable[..., int])


async def test_scope(lifescope_scope: ScopeInTest) -> None:
    assert_type(await lifescope_scope.get(Clock), Clock)
    assert_type(lifescope_scope.get_nowait(list[int]), list[int])


def test_override(lifescope_override: LifescopeOverride) -> None:
    assert_type(lifescope_override(Clock, Fake()), Fake)
    lifescope_override({Clock: Fake()}, local=True)
