"""Random graphs, the scenario in which they are used, and one fault; all drawn by Hypothesis."""

import enum
from dataclasses import dataclass

from hypothesis import strategies as st

APP, REQUEST, CALL = "app", "request", "call"
SCOPES = (APP, REQUEST, CALL)
TRANSIENT = "transient"
PHASES = ("acquire", "body", "release")
LARGEST = 40
AWAITS = 2
"""Awaits in each phase of an async provider, and at the start of each body."""


class Kind(enum.Enum):
    """How a provider is written."""

    FUNCTION = "function"
    COROUTINE = "coroutine function"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"
    MANAGER = "context manager class"
    ASYNC_MANAGER = "async context manager class"
    DECORATED = "@asynccontextmanager"

    @property
    def has_release(self) -> bool:
        return self not in (Kind.FUNCTION, Kind.COROUTINE)

    @property
    def is_async(self) -> bool:
        return self not in (Kind.FUNCTION, Kind.GENERATOR, Kind.MANAGER)


class Harm(enum.Enum):
    """What goes wrong."""

    ERROR = "raise an Exception"
    FATAL = "raise a BaseException"
    CANCEL = "cancel the cancel scope around everything"
    CANCEL_REQUEST = "cancel the cancel scope around the request"
    CANCEL_TASK = "cancel the task, as asyncio does"
    CANCEL_ASKER = "cancel one of the tasks that ask"
    HANG_STEP = "cancel all that ask, and hang until that arrives"
    HANG = "hang until somebody cancels"


@dataclass(frozen=True)
class Node:
    """One provider; its number is its key."""

    number: int
    kind: Kind
    scope: str
    needs: tuple[int, ...]
    rank: int  # of the narrowest scope that it or its transients need
    swallows: bool


@dataclass(frozen=True)
class Step:
    """Keys that a body asks for: one by one, or in a task each, the first one here as well."""

    numbers: tuple[int, ...]
    together: bool


@dataclass(frozen=True)
class Fault:
    """Where something goes wrong: at await *k* of a phase of a provider, or of a body."""

    harm: Harm
    at: int | str  # a provider's number, or the scope whose body it is
    phase: str
    k: int


@dataclass(frozen=True)
class Scenario:
    """Everything about one run."""

    backend: str
    nodes: tuple[Node, ...]
    steps: dict[str, tuple[Step, ...]]
    nested: bool  # with a call scope in each request
    fault: Fault | None


_rank = {scope: rank for rank, scope in enumerate(SCOPES)}
_small = st.integers(0, LARGEST)
_raw_node = st.tuples(
    st.sampled_from(Kind),
    st.sampled_from((REQUEST, APP, CALL, TRANSIENT)),
    st.lists(_small, max_size=3),
    st.booleans(),
)
_raw_steps = st.lists(
    st.tuples(st.lists(_small, min_size=1, max_size=6), st.booleans()), max_size=3
)


def _node(number: int, raw: tuple[Kind, str, list[int], bool], before: list[Node]) -> Node:
    kind, scope, wanted, swallows = raw
    reach = _rank.get(scope, _rank[CALL])
    allowed = [node for node in before if node.rank <= reach]
    chosen = {allowed[i % len(allowed)].number: None for i in wanted} if allowed else {}
    rank = _rank.get(scope, max((before[i].rank for i in chosen), default=0))
    return Node(number, kind, scope, tuple(chosen), rank, swallows)


def _steps(raw: list[tuple[list[int], bool]], scope: str, nodes: list[Node]) -> tuple[Step, ...]:
    allowed = [node.number for node in nodes if node.rank <= _rank[scope]]
    if not allowed:
        return ()
    return tuple(Step(tuple(allowed[-1 - i % len(allowed)] for i in picks), t) for picks, t in raw)


def _needed(nodes: list[Node], steps: dict[str, tuple[Step, ...]]) -> list[Node]:
    todo = [number for each in steps.values() for step in each for number in step.numbers]
    found: set[int] = set()
    while todo:
        number = todo.pop()
        if number not in found:
            found.add(number)
            todo += nodes[number].needs
    return [nodes[number] for number in sorted(found)]


@st.composite
def _faults(
    draw: st.DrawFn, harm: Harm, phase: str, needed: list[Node], bodies: list[str]
) -> Fault:
    k = draw(st.integers(0, AWAITS - 1))
    targets = [node for node in needed if phase == "acquire" or node.kind.has_release]
    if phase == "body" or not targets:
        return Fault(harm, draw(st.sampled_from(bodies)), "body", k)
    target = targets[draw(_small) % len(targets)]
    if not target.kind.is_async:
        harm, k = (Harm.CANCEL if harm in (Harm.HANG, Harm.HANG_STEP) else harm), 0
    return Fault(harm, target.number, phase, k)


@st.composite
def scenarios(draw: st.DrawFn, harm: Harm | None, phase: str) -> Scenario:
    """A graph without circles, what is asked for, and a fault where it will be met."""
    nodes: list[Node] = []
    size = draw(st.integers(1, LARGEST))
    for number, raw in enumerate(draw(st.lists(_raw_node, min_size=size, max_size=size))):
        nodes.append(_node(number, raw, nodes))
    nested = draw(st.booleans())
    bodies = list(SCOPES if nested else SCOPES[:2])
    steps = {scope: _steps(draw(_raw_steps), scope, nodes) for scope in bodies}
    fault = draw(_faults(harm, phase, _needed(nodes, steps), bodies)) if harm else None
    backend = draw(st.sampled_from(("asyncio", "trio")))
    return Scenario(backend, tuple(nodes), steps, nested, fault)
