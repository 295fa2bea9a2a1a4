"""Step and Plan: what has to be done, in which order, to make one key in one scope."""

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lifescope._model.provider import Entry, Provider

__all__ = ["HOOKS", "LOCALS", "Argument", "Mode", "Plan", "Slots", "Step"]

LOCALS = frozenset({"scope", "outer", "flights", "flight", "exits", "handle", "error"})
"""Variables that generated code uses for itself."""

HOOKS = frozenset(
    {
        "MISSING",
        "PLAN",
        "check_value",
        "current_task",
        "elsewhere",
        "failed",
        "landed",
        "not_ready",
        "running_loop",
        "still_there",
        "task_of",
    }
)
"""What generated code calls."""


class Mode(enum.Enum):
    """Where the code of a plan runs; what it may do inline follows from that."""

    HERE = "here"
    """In the task that opened the scope: everything is made in place."""
    ELSEWHERE = "elsewhere"
    """In another task: what has a release, or is awaited, is made in a task of its own."""
    NOW = "now"
    """Without awaiting: what would have to be awaited is an error."""


class Slots:
    """The attribute of an open scope under which each provider's object is kept.

    Args:
        providers: Those that are known from the start.
        added: Called with each one that turns up later, and its attribute: the keys that
            every container knows by itself.
        slot_of: The attribute for some of them; the others have names of their own then.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        added: Callable[[Provider, str], None],
        slot_of: Callable[[Provider], str | None] | None = None,
    ) -> None:
        self._prefix = "_value" if slot_of is None else "_own"
        self._names: dict[Provider, str] = {}
        for number, provider in enumerate(providers):
            slot = slot_of(provider) if slot_of is not None else None
            self._names[provider] = slot or f"{self._prefix}_{number}"
        self._added = added

    def known(self, provider: Provider) -> str | None:
        """The attribute for *provider*; None for one that is not known."""
        return self._names.get(provider)

    def __getitem__(self, provider: Provider) -> str:
        slot = self._names.get(provider)
        if slot is None:
            slot = self._names[provider] = f"{self._prefix}_{len(self._names)}"
            self._added(provider, slot)
        return slot


class Argument(NamedTuple):
    """One argument of a call: an expression over variables, by position or by name."""

    expression: str
    name: str | None = None

    def __str__(self) -> str:
        return self.expression if self.name is None else f"{self.name}={self.expression}"


class Step(NamedTuple):
    """Make one object, or read it where it is kept.

    Attributes:
        provider: What makes it.
        variable: The variable of the generated function that holds it.
        arguments: What is passed.
        hops: How many scopes further out it is kept: 0 is the scope of the plan.
        slot: The attribute of that scope; None for a transient, which is not kept.
        nested: Transients that are made for this object alone, and so only if it is made.
    """

    provider: Provider
    variable: str
    arguments: tuple[Argument, ...]
    hops: int
    slot: str | None
    nested: tuple["Step", ...] = ()


class Plan(NamedTuple):
    """The steps to make one key, or all parameters of one function, in one scope.

    Attributes:
        name: A Python identifier that says what it makes.
        scope: The scope in which it runs.
        is_widest: That is the app scope.
        steps: In order.
        results: The expressions that are returned: one for a key; for a function, one for
            each parameter that gets a value.
        root: The provider, or the function whose parameters are filled.
    """

    name: str
    scope: str
    is_widest: bool
    steps: tuple[Step, ...]
    results: tuple[Argument, ...]
    root: Provider | Entry

    @property
    def all_steps(self) -> list[Step]:
        """The steps, those that are nested in others among them."""
        return [each for step in self.steps for each in (*step.nested, step)]
