"""Plan to function: one small emitter for each way a provider is driven.

What the generated code calls back into is handed in as `Hooks`, so that nothing here knows
an event loop. A generated function, and what its parts mean:

    async def acquire_session(scope):
        outer = scope.parent
        if scope._state or outer._state or ...:   # G10: closed means closed
            return still_there(PLAN, scope)
        session = scope._value_3                  # kept under its slot once it is there
        if session is not MISSING:
            return session
        if scope._task is not current_task():     # G5: entered and left in the scope's task
            return await elsewhere(PLAN, scope)
        if scope._flights is NOTHING:             # most scopes hold nothing to be released
            scope._flights, scope._exits = {}, []
        flights, exits = scope._flights, scope._exits
        try:
            outer = scope.parent
            engine = outer._value_1
            if engine is MISSING:
                engine = await outer._acquire(ENGINE)
            session = scope._value_3
            if session is MISSING:
                if SESSION in flights:            # G1: somebody is at it already
                    session = await scope._join(SESSION)
                else:
                    flights[SESSION] = None
                    handle = open_session(engine)
                    session = await handle.__anext__()
                    exits.append((SESSION, handle))
                    scope._value_3 = session
                    if flights.pop(SESSION) is not None: ...
            return session
        except BaseException as error:
            failed(PLAN, scope, error)
            raise
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from lifescope._model.provider import Entry, Kind, Provider
from lifescope._plan.source import SourceBuilder
from lifescope._plan.steps import LOCALS, Mode, Plan, Step

__all__ = ["Compiled", "Hooks", "compile_plan"]


class Hooks(NamedTuple):
    """What generated code calls.

    Attributes:
        missing: Stands for a value that is not there yet.
        nothing: What is under way in a scope in which nothing has been made yet.
        current_task: The task that runs, as an object to compare.
        task_of: The same for a `running_loop()`, if it is to be had more quickly.
        running_loop: The event loop that runs, or None.
        still_there: `(plan, scope)`: what a scope that is closing still has.
        elsewhere: `(plan, scope)`: run the plan in mode ELSEWHERE.
        landed: `(flight, value)`: wake those who wait for what has been made.
        failed: `(compiled, scope, error)`: tell them, and say in a note what was being made.
        not_ready: `(plan, provider)`: the error to raise in mode NOW.
        check_value: `(provider, value)`: raise the error for a value of another type.
        target_of: `provider`: what to call for it.
        relate: `provider`: what makes its handle, given the open scope.
    """

    missing: object
    nothing: object
    current_task: Callable[[], object]
    task_of: Callable[[object], object] | None
    running_loop: Callable[[], object]
    still_there: Callable[..., Any]
    elsewhere: Callable[..., Any]
    landed: Callable[..., Any]
    failed: Callable[..., Any]
    not_ready: Callable[..., Exception]
    check_value: Callable[..., None]
    target_of: Callable[[Provider], Callable[..., Any]]
    relate: Callable[[Provider], Callable[..., object]]


class Compiled:
    """A plan in one mode, as a function of the open scope.

    Attributes:
        starts: First line and step, in order; `step_at` finds the step of a line.
        joins: The lines at which it meets what somebody else is making.
        names: What the function sees; changed in it, it sees something else.
        targets: The names in it of what is called for each provider.
    """

    def __init__(self, plan: Plan, mode: Mode) -> None:
        self.plan = plan
        self.mode = mode
        self.function: Callable[[Any], Any]
        self.starts: list[tuple[int, Step]] = []
        self.joins: set[int] = set()
        self.names: dict[str, Any] = {}
        self.targets: dict[str, Provider] = {}

    def step_at(self, line: int) -> Step | None:
        """The step that line *line* of the generated function belongs to."""
        found = None
        for start, step in self.starts:
            if start > line:
                break
            found = step
        return found


def compile_plan(plan: Plan, mode: Mode, hooks: Hooks) -> Compiled:
    """Generate the function that carries out *plan*."""
    compiled = Compiled(plan, mode)
    _Writer(compiled, hooks).write()
    return compiled


class _Writer:
    def __init__(self, compiled: Compiled, hooks: Hooks) -> None:
        self.compiled = compiled
        self.plan = compiled.plan
        self.mode = compiled.mode
        self.hooks = hooks
        self.out = SourceBuilder()
        self.out.reserve({*LOCALS, self.plan.name})
        self.variables = {step.variable for step in self.plan.all_steps}
        self.out.reserve(self.variables)
        self.out.namespace.update(
            MISSING=hooks.missing,
            NOTHING=hooks.nothing,
            PLAN=compiled,
            current_task=hooks.current_task,
            elsewhere=hooks.elsewhere,
            landed=hooks.landed,
            failed=hooks.failed,
            not_ready=hooks.not_ready,
            check_value=hooks.check_value,
            still_there=hooks.still_there,
            task_of=hooks.task_of,
            running_loop=hooks.running_loop,
        )

    def write(self) -> None:
        name = self.plan.name
        define = "def" if self.mode is Mode.NOW else "async def"
        with self.out.block(f"{define} {name}(scope)"):
            self._return_if_closed()
            if self._is_straight():
                self._write_straight()
            self._return_if_ready()
            if self.mode is Mode.HERE and self._needs_own_task():
                with self.out.block(f"if {self._is_elsewhere()}"):
                    self.out.line("return await elsewhere(PLAN, scope)")
            self._outer_scopes()
            if any(step.hops == 0 for step in self.plan.steps):
                self.out.line("scope.is_untouched = False")
            if self.mode is not Mode.ELSEWHERE and self._needs_own_task():
                with self.out.block("if scope._flights is NOTHING"):
                    self.out.line("scope._flights, scope._exits = {}, []")
                self.out.line("flights, exits = scope._flights, scope._exits")
            with self._guarded():
                for step in self.plan.steps:
                    self.compiled.starts.append((self.out.next_line, step))
                    self._step(step)
                self.out.line(f"return {self._result()}")
        title = f"{name} in {self.plan.scope}, {self.mode.value}"
        self.compiled.function = self.out.define(name, title)
        self.compiled.names = self.out.namespace

    # --- the frame of the function --------------------------------------------------------

    def _needs_own_task(self) -> bool:
        return any(
            step.hops == 0 and (step.provider.kind.has_release or step.provider.kind.is_async)
            for step in self.plan.all_steps
        )

    def _is_elsewhere(self) -> str:
        """Another task runs than that of the scope (G5); asked for in the quickest way first."""
        if self.hooks.task_of is None:
            return "scope._task is not current_task()"
        quickly = "scope._task is not task_of(running_loop())"
        return f"{quickly} and scope._task is not current_task()"

    def _return_if_closed(self) -> None:
        is_closed = "scope._state or scope.parent is not None and scope.closed"
        if not self.plan.is_widest:
            self.out.line("outer = scope.parent")
            is_closed = "scope._state or outer._state or outer.parent is not None and outer.closed"
        with self.out.block(f"if {is_closed}"):
            self.out.line("return still_there(PLAN, scope)")

    def _return_if_ready(self) -> None:
        if isinstance(self.plan.root, Entry) or not self.plan.steps:
            return
        last = self.plan.steps[-1]
        if last.hops == 0 and last.slot is not None:
            self.out.line(f"{last.variable} = scope.{last.slot}")
            with self.out.block(f"if {last.variable} is not MISSING"):
                self.out.line(f"return {last.variable}")

    @contextmanager
    def _guarded(self, *, touch: bool = False) -> Generator[None]:
        if not self.plan.steps:
            yield
            return
        with self.out.block("try"):
            yield
        with self.out.block("except BaseException as error"):
            if touch:
                self.out.line("scope.is_untouched = False")
            self.out.line("failed(PLAN, scope, error)")
            self.out.line("raise")

    def _outer_scopes(self) -> None:
        for hops in sorted({step.hops for step in self.plan.steps if step.hops}):
            self.out.line(f"_outer_{hops} = scope{'.parent' * hops}")

    def _result(self) -> str:
        results = self.plan.results
        if not isinstance(self.plan.root, Entry):
            return results[0].expression
        return "{" + ", ".join(f"{r.name!r}: {r.expression}" for r in results) + "}"

    # --- in a scope where nothing is yet --------------------------------------------------

    def _is_straight(self) -> bool:
        """Whether all that is made in the scope is made by a plain call."""
        own = [step for step in self.plan.all_steps if step.hops == 0]
        is_plain = all(step.provider.kind in _PLAIN for step in own)
        is_usual = 0 < len(own) <= _LONGEST_STRAIGHT and self.mode is Mode.HERE
        return is_usual and is_plain and not self.plan.is_widest

    def _write_straight(self) -> None:
        """Where nothing is there, nothing has to be looked for: one call after the other.

        That is so in most requests. Whatever has to be waited for is left to what follows; so
        is the rest, if what is called asks the scope for something itself.
        """
        outer = [step for step in self.plan.steps if step.hops]
        own = [each for step in self.plan.steps if not step.hops for each in (*step.nested, step)]
        with self.out.block("if scope.is_untouched"):
            self._outer_scopes()
            for step in outer:
                self.out.line(f"{step.variable} = _outer_{step.hops}.{step.slot}")
            are_there = " and ".join(f"{step.variable} is not MISSING" for step in outer)
            ready = self.out.block(f"if {are_there}") if outer else nullcontext()
            with ready, self._guarded(touch=True):
                for step in own:
                    self.compiled.starts.append((self.out.next_line, step))
                    self._make(step)
                    if step.provider.kind is Kind.CALL and step is not own[-1]:
                        with self.out.block("if not scope.is_untouched"):
                            self.out.line(f"return await {self.plan.name}(scope)")
                self.out.line("scope.is_untouched = False")
                self.out.line(f"return {self._result()}")

    # --- one step -------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        home = f"_outer_{step.hops}" if step.hops else "scope"
        if step.slot is None:
            self._make(step)
            return
        self.out.line(f"{step.variable} = {home}.{step.slot}")
        with self.out.block(f"if {step.variable} is MISSING"):
            if step.hops or step.provider.kind in _ASKED_FOR:
                self._ask(step, home)
            elif step.nested:
                self._make_with_nested(step)
            else:
                self._make(step)

    def _make_with_nested(self, step: Step) -> None:
        """First the transients for it; that may take a while, so then look again."""
        for each in step.nested:
            self.compiled.starts.append((self.out.next_line, each))
            self._make(each)
        self.compiled.starts.append((self.out.next_line, step))
        self.out.line(f"{step.variable} = scope.{step.slot}")
        with self.out.block(f"if {step.variable} is MISSING"):
            self._make(step)

    def _ask(self, step: Step, home: str) -> None:
        """Let the open scope in which it lives make it."""
        provider = self.out.bind(step.variable.upper(), step.provider)
        if step.provider.kind in _HANDED_IN:
            self.out.line(f"{step.variable} = {home}._supply({provider})")
        elif not step.hops:
            now = self.mode is Mode.NOW
            call = f"_share_now({provider})" if now else f"_share({provider})"
            self.out.line(f"{step.variable} = {'' if now else 'await '}{home}.{call}")
        elif self.mode is Mode.NOW:
            self.out.line(f"{step.variable} = {home}._acquire_now({provider})")
        else:
            self.out.line(f"{step.variable} = await {home}._acquire({provider})")

    def _make(self, step: Step) -> None:
        kind = step.provider.kind
        if kind is Kind.COLLECTION:
            self.out.line(f"{step.variable} = [{', '.join(map(str, step.arguments))}]")
        elif kind.is_relation:
            relate = self.out.bind(f"relate_{step.variable}", self.hooks.relate(step.provider))
            self.out.line(f"{step.variable} = {relate}({step.arguments[0]})")
        elif kind is Kind.CALL and self.mode is not Mode.NOW:
            self.out.line(f"{step.variable} = {self._plain_call(step)}")
            self._check(step)
            self._keep(step)
        elif self.mode is Mode.NOW:
            self._make_now(step)
        elif self.mode is Mode.ELSEWHERE:
            self._make_elsewhere(step)
        else:
            self._make_here(step)

    def _make_here(self, step: Step) -> None:
        if step.provider.start_timeout is not None:  # an owner can be cancelled by itself
            self._make_elsewhere(step)
            return
        provider = self.out.bind(step.variable.upper(), step.provider)
        if step.slot is None:
            self._drive(step, provider)
            return
        with self.out.block(f"if {provider} in flights"):
            self.compiled.joins.add(self.out.next_line)
            self.out.line(f"{step.variable} = await scope._join({provider})")
        with self.out.block("else"):
            self.out.line(f"flights[{provider}] = None")
            self._drive(step, provider)
            self._keep(step)
            self.out.line(f"flight = flights.pop({provider})")
            with self.out.block("if flight is not None"):
                self.out.line(f"landed(flight, {step.variable})")

    def _make_now(self, step: Step) -> None:
        provider = self.out.bind(step.variable.upper(), step.provider)
        if step.provider.kind.is_async:
            self.compiled.joins.add(self.out.next_line)
            self.out.line(f"raise not_ready(PLAN, {provider})")
            return
        is_plain = step.provider.kind is Kind.CALL
        self.compiled.joins.update((self.out.next_line, self.out.next_line + 1))
        with self.out.block(f"if not scope._may_make_now({provider}, {not is_plain})"):
            self.out.line(f"raise not_ready(PLAN, {provider})")
        if step.slot is None and is_plain:
            self.out.line(f"{step.variable} = {self._plain_call(step)}")
            self._check(step)
            return
        self.out.line(f"scope._flights[{provider}] = None")
        if is_plain:
            self.out.line(f"{step.variable} = {self._plain_call(step)}")
            self._check(step)
        else:
            self._drive(step, provider)
        self._keep(step)
        self.out.line(f"flight = scope._flights.pop({provider})")
        with self.out.block("if flight is not None"):
            self.out.line(f"landed(flight, {step.variable})")

    def _make_elsewhere(self, step: Step) -> None:
        provider = self.out.bind(step.variable.upper(), step.provider)
        by_position = [a.expression for a in step.arguments if a.name is None]
        by_name = [f"{a.name!r}: {a.expression}" for a in step.arguments if a.name is not None]
        passed = f"({''.join(e + ', ' for e in by_position)}), {{{', '.join(by_name)}}}"
        method = "_own" if step.slot is not None else "_own_transient"
        self.out.line(f"{step.variable} = await scope.{method}({provider}, {passed})")

    def _drive(self, step: Step, provider: str) -> None:
        """Call it, and enter what has a release. No gap between entering and noting the exit."""
        call, variable = self._call(step), step.variable
        kind = step.provider.kind
        if kind is Kind.AWAIT:
            self.out.line(f"{variable} = await {call}")
        else:
            self.out.line(f"handle = {call}")
            self.out.line(f"{variable} = {_ENTER[kind]}")
            self.out.line(f"exits.append(({provider}, handle))")
        self._check(step)

    def _check(self, step: Step) -> None:
        """See that a function gives what its annotation says, where that costs next to nothing."""
        result = step.provider.result
        if result is None:
            return
        provider = self.out.bind(step.variable.upper(), step.provider)
        wrong = f"{step.variable} is None"
        if result is not object:
            cls = self.out.bind(getattr(result, "__name__", "result"), result)
            wrong = f"not isinstance({step.variable}, {cls})"
        with self.out.block(f"if {wrong}"):
            self.out.line(f"check_value({provider}, {step.variable})")

    def _plain_call(self, step: Step) -> str:
        """Call what only has to be called; for the app scope, in its context."""
        if not self.plan.is_widest or step.slot is None:
            return self._call(step)
        provider = self.out.bind(step.variable.upper(), step.provider)
        passed = [provider, self._target(step), *map(str, step.arguments)]
        return f"scope._in_context({', '.join(passed)})"

    def _keep(self, step: Step) -> None:
        if step.slot is not None:
            self.out.line(f"scope.{step.slot} = {step.variable}")

    def _call(self, step: Step) -> str:
        return f"{self._target(step)}({', '.join(map(str, step.arguments))})"

    def _target(self, step: Step) -> str:
        """The name under which the function sees what is called for *step*."""
        name = getattr(step.provider.target, "__name__", step.variable)
        if not name.isidentifier() or name in self.variables:
            name = f"make_{step.variable}"
        bound = self.out.bind(name, self.hooks.target_of(step.provider), of=step.provider)
        self.compiled.targets[bound] = step.provider
        return bound


_PLAIN = {kind for kind in Kind if kind is Kind.CALL or kind is Kind.COLLECTION or kind.is_relation}
_LONGEST_STRAIGHT = 64
"""Steps. It is code twice, and what is so long takes longer to compile than many calls of it."""

_HANDED_IN = (Kind.SUPPLIED, Kind.VALUE)
_ASKED_FOR = (*_HANDED_IN, Kind.SHARED)

_ENTER = {
    Kind.GENERATOR: "next(handle)",
    Kind.ASYNC_GENERATOR: "await handle.__anext__()",
    Kind.MANAGER: "handle.__enter__()",
    Kind.ASYNC_MANAGER: "await handle.__aenter__()",
}
