"""G7, F04: `concurrent_start=True`: what is independent starts at the same time."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from inspect import Parameter, Signature
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette

import virtual_time
from integrations.driving import LIMIT, answering, get, lifespan, noted
from lifescope import Container, Lazy, OpenScope, provider

pytestmark = pytest.mark.anyio

VIRTUAL = pytest.mark.parametrize("anyio_backend", list(virtual_time.backends()))


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


def slow(log: list[str], form: type, seconds: float, *needs: type) -> Any:
    async def wait() -> None:
        await anyio.sleep(seconds)

    return noted(log, form, *needs, wait=wait, eager=True)


def root_of(*providers: Any, **options: Any) -> Any:
    return Container(*providers).asgi(Starlette(), concurrent_start=True, **options)


async def seconds_to_start(root: Any) -> float:
    begun = anyio.current_time()
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]
        return anyio.current_time() - begun
    raise AssertionError


# --- how long it takes ----------------------------------------------------------------------


@VIRTUAL
async def test_total_is_the_slowest_of_independent_ones() -> None:
    """F04: Not the sum."""
    log: list[str] = []
    root = root_of(slow(log, A, 3), slow(log, B, 2), slow(log, C, 1))
    assert await seconds_to_start(root) == pytest.approx(3, abs=0.01)
    assert sorted(log[:3]) == ["start A", "start B", "start C"]
    assert log[3:] == ["end A", "end B", "end C"]  # the reverse of when they were there


@VIRTUAL
async def test_total_is_the_critical_path_of_a_diamond() -> None:
    """F04, A09: D needs B and C, which need A; each starts once, when its needs are there."""
    log: list[str] = []
    root = root_of(slow(log, D, 1, B, C), slow(log, B, 1, A), slow(log, C, 3, A), slow(log, A, 2))
    assert await seconds_to_start(root) == pytest.approx(6, abs=0.01)
    assert log[0] == "start A"
    assert sorted(log[1:3]) == ["start B", "start C"]
    assert log[3:] == ["start D", "end D", "end C", "end B", "end A"]


@VIRTUAL
async def test_without_the_option_they_start_one_after_the_other() -> None:
    """G7: The sum."""
    root = Container(slow([], A, 3), slow([], B, 2)).asgi(Starlette())
    assert await seconds_to_start(root) == pytest.approx(5, abs=0.01)


def link(number: int, *needs: type) -> tuple[type, Any]:
    form = type(f"Link{number}", (), {})

    async def make(*_: Any) -> AsyncIterator[Any]:
        await anyio.sleep(0.5)
        yield form()

    kind = Parameter.POSITIONAL_OR_KEYWORD
    make.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(f"n{i}", kind, annotation=need) for i, need in enumerate(needs)]
    )
    return form, provider(make, scope="app", provides=form, eager=True)


@VIRTUAL
async def test_two_hundred_providers() -> None:
    """F04: Ten levels of twenty, each of which needs two of the level before it."""
    levels: list[list[tuple[type, Any]]] = [[link(n) for n in range(20)]]
    for level in range(1, 10):
        before = [form for form, _ in levels[-1]]
        levels.append([link(20 * level + n, before[n], before[(n + 7) % 20]) for n in range(20)])
    root = root_of(*(made for level in levels for _, made in level))
    assert await seconds_to_start(root) == pytest.approx(5, abs=0.01)


@VIRTUAL
async def test_providers_in_threads_and_coroutines_start_together() -> None:
    """F04: Coroutine functions wait together, too; functions run as soon as they can."""

    async def a() -> A:
        await anyio.sleep(2)
        return A()

    async def b() -> B:
        await anyio.sleep(2)
        return B()

    def c(a: A, b: B) -> C:
        return C()

    root = root_of(*(provider(each, scope="app", eager=True) for each in (a, b, c)))
    assert await seconds_to_start(root) == pytest.approx(2, abs=0.01)


@VIRTUAL
async def test_transient_between_is_no_bar() -> None:
    """F04: B needs A through a transient, C does not."""
    log: list[str] = []

    @provider(scope="transient")
    def transient(a: A) -> D:
        log.append("transient")
        return D()

    root = root_of(slow(log, B, 1, D), slow(log, A, 2), slow(log, C, 3), transient)
    assert await seconds_to_start(root) == pytest.approx(3, abs=0.01)
    assert sorted(log[:2]) == ["start A", "start C"]
    assert log[2:4] == ["transient", "start B"]


@VIRTUAL
async def test_both_rounds_are_concurrent() -> None:
    """G7: What the factory asks for starts together, and what the routes ask for does."""
    log: list[str] = []

    def factory(a: A, b: B) -> Any:
        log.append("factory")
        return answering(lambda: anyio.lowlevel.checkpoint())  # type: ignore[arg-type, return-value]

    def lazily(form: type) -> Any:
        return noted(log, form, wait=lambda: anyio.sleep(2))

    root = Container(*map(lazily, (A, B, C, D))).asgi(factory, concurrent_start=True)
    assert await seconds_to_start(root) == pytest.approx(4, abs=0.01)
    assert log.index("factory") == 2
    assert [sorted(log[:2]), sorted(log[3:5])] == [["start A", "start B"], ["start C", "start D"]]


# --- what each sees -------------------------------------------------------------------------

variable: ContextVar[tuple[str, ...]] = ContextVar("variable", default=())
other: ContextVar[str] = ContextVar("other", default="unset")

KINDS = ["function", "coroutine", "generator"]


def setting(form: type, *needs: Any, kind: str, steps: int = 0, **options: Any) -> Any:
    """A provider that adds its name to the variable, after so many steps; notes what it saw."""

    def make(*_: Any) -> Any:
        made = form()
        made.seen = variable.get()
        variable.set((*made.seen, form.__name__))
        return made

    async def coroutine(*_: Any) -> Any:
        for _step in range(steps):
            await anyio.lowlevel.checkpoint()
        return make()

    async def generator(*_: Any) -> AsyncIterator[Any]:
        yield await coroutine()

    target: Any = {"function": make, "coroutine": coroutine, "generator": generator}[kind]
    parameter = Parameter.POSITIONAL_OR_KEYWORD
    target.__signature__ = Signature(
        [Parameter(f"n{i}", parameter, annotation=need) for i, need in enumerate(needs)]
    )
    return provider(target, scope="app", provides=form, **{"eager": True, **options})


async def seen_by(container: Container, *forms: type) -> list[tuple[str, ...]]:
    """What each of *forms* saw in the variable, and what requests see."""
    seen: list[tuple[str, ...]] = []

    async def answer() -> str:
        seen.extend([(await container.get(form)).seen for form in forms])  # type: ignore[attr-defined]
        seen.append(variable.get())
        return ""

    root = container.asgi(answering(answer), concurrent_start=True)
    async with lifespan(root) as running:
        assert running.error is None
        await get(root, state=running.state)
    assert variable.get() == ()
    return seen


@pytest.mark.parametrize("kind", KINDS)
async def test_each_sees_what_it_depends_on_and_nothing_else(kind: str) -> None:
    """G7: B needs A; C needs nobody, and sees nothing although A was there long before it."""
    container = Container(
        setting(A, kind=kind), setting(B, A, kind=kind), setting(C, kind=kind, steps=30)
    )
    assert await seen_by(container, A, B, C) == [(), ("A",), (), ("C",)]


@pytest.mark.parametrize("steps", [(0, 30), (30, 0)])
@pytest.mark.parametrize("kind", KINDS)
async def test_effects_are_put_together_in_the_order_of_an_ordinary_start(
    kind: str, steps: tuple[int, int]
) -> None:
    """G7: The last in that order wins, whoever was faster; requests and the factory see it."""
    first, last = steps
    container = Container(setting(A, kind=kind, steps=first), setting(B, kind=kind, steps=last))
    assert await seen_by(container, A, B) == [(), (), ("B",)]


@pytest.mark.parametrize("kind", KINDS)
async def test_diamond_merges_what_both_sides_have_set(kind: str) -> None:
    """G7: D sees the side that comes last in the order, with what that saw."""
    container = Container(
        setting(A, kind=kind),
        setting(B, A, kind=kind, steps=30),
        setting(C, A, kind=kind),
        setting(D, B, C, kind=kind),
    )
    expected = [(), ("A",), ("A",), ("A", "C"), ("A", "C", "D")]
    assert await seen_by(container, A, B, C, D) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_transient_between_sees_what_it_depends_on(kind: str) -> None:
    """G7: It is made for B, and sees what A has set."""

    class Between:
        def __init__(self, a: A) -> None:
            seen.append(variable.get())

    seen: list[tuple[str, ...]] = []
    between = provider(Between, scope="transient")
    container = Container(setting(A, kind=kind), setting(B, Between, kind=kind), between)
    assert await seen_by(container, B) == [("A",), ("A", "B")]
    assert seen == [("A",)]


@pytest.mark.parametrize("kind", KINDS)
async def test_transient_that_sets_something_is_seen_by_those_for_whom_it_is_made(
    kind: str,
) -> None:
    """G7: B needs one, and sees what it has set; C needs none."""

    class Between:
        pass

    async def between() -> AsyncIterator[Between]:
        variable.set((*variable.get(), "Between"))
        yield Between()

    container = Container(
        setting(C, kind=kind, steps=30),
        setting(B, Between, kind=kind),
        provider(between, scope="transient", provides=Between),
    )
    assert await seen_by(container, B, C) == [("Between",), (), ("Between", "B")]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_made_because_it_is_needed_is_seen_by_all_who_need_it(kind: str) -> None:
    """G7: `eager=False` for A, which B and C need: both see what A has set, and it sees nobody."""
    container = Container(
        setting(D, kind=kind),
        setting(A, kind=kind, eager=False, steps=5),
        setting(B, D, A, kind=kind),
        setting(C, A, kind=kind),
    )
    expected = [(), (), ("A",), ("A",), ("A", "C")]
    assert await seen_by(container, D, A, B, C) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["get", "lazy"])
async def test_who_asks_in_the_middle_of_its_start_gets_it_as_it_would_be(
    kind: str, way: str
) -> None:
    """G7, F05: C asks for B, which needs A, before its turn; it is made with what A has set."""

    async def by_get(scope: OpenScope) -> AsyncIterator[C]:
        await scope.get(B)
        yield C()

    async def by_lazy(b: Lazy[B]) -> AsyncIterator[C]:
        await b
        yield C()

    asking = provider({"get": by_get, "lazy": by_lazy}[way], scope="app", eager=True)
    container = Container(
        asking,
        setting(A, kind="coroutine", steps=10),
        setting(B, A, kind=kind),
        setting(D, B, kind=kind),
    )
    expected = [(), ("A",), ("A", "B"), ("A", "B", "D")]
    assert await seen_by(container, A, B, D) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_made_on_the_way_counts_for_who_asked(kind: str) -> None:
    """G7: C asks for B, which nobody starts: it sees what A has set, and requests see it, too."""

    async def asking(scope: OpenScope, a: A) -> AsyncIterator[C]:
        await scope.get(B)
        yield C()

    eager = provider(asking, scope="app", eager=True)
    container = Container(eager, setting(A, kind=kind), setting(B, A, kind=kind, eager=False))
    assert await seen_by(container, A, B) == [(), ("A",), ("A", "B")]


async def test_task_groups_and_tokens_are_legal() -> None:
    """G5, E12: Each is entered and left in one task and context, though all start together."""
    log: list[str] = []

    def grouped(form: type) -> Any:
        async def make() -> AsyncIterator[Any]:
            token = other.set(form.__name__)
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                await anyio.lowlevel.checkpoint()
                yield form()
                group.cancel_scope.cancel()
            other.reset(token)
            log.append(f"end {form.__name__}")

        return provider(make, scope="app", provides=form, eager=True)

    root = root_of(*map(grouped, (A, B, C)))
    with anyio.fail_after(LIMIT):
        async with lifespan(root) as running:
            assert running.sent == ["lifespan.startup.complete"]
    assert running.error is None
    assert sorted(log) == ["end A", "end B", "end C"]
