"""Engine: a checked graph with its compiled plans; makes the scopes that run them.

One engine serves any number of event loops at once: it holds code, never instances.
"""

import dataclasses
import inspect
import weakref
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, NamedTuple

from anyio.lowlevel import current_token

from lifescope import errors
from lifescope._declare.annotations import without_none
from lifescope._declare.signatures import by_name, read_entry
from lifescope._graph.graph import Graph
from lifescope._graph.validate import edge_for, merge, missing_key
from lifescope._model.keys import Key
from lifescope._model.names import Caller
from lifescope._model.provider import Edge, Entry, Kind, Parameter, Provider
from lifescope._model.scopes import CALL, REQUEST
from lifescope._plan.compile import Compiled, Hooks, compile_plan
from lifescope._plan.planner import plan_anew, plan_provider
from lifescope._plan.steps import Mode, Plan, Slots
from lifescope._runtime import binding, loops
from lifescope._runtime.closing import MISSING, still_there
from lifescope._runtime.failures import describe_failure
from lifescope._runtime.filling import Filler, Filling
from lifescope._runtime.handed_in import HandedIn
from lifescope._runtime.observing import Observers
from lifescope._runtime.opening import Opening
from lifescope._runtime.overlays import OverlayScope
from lifescope._runtime.relations import private_scope_class, relate
from lifescope._runtime.running import Running
from lifescope._runtime.scope import NO_TASK, NOTHING, OpenScope, quick_get
from lifescope._runtime.threads import target_of
from lifescope._runtime.values import check_value

__all__ = ["Engine", "InForce"]

_NOTHING: Mapping[Key, Any] = {}

_Function = Callable[[Any], Any]
_Acquirer = Callable[[Any], Coroutine[Any, Any, Any]]


class InForce(NamedTuple):
    """What an app scope is opened with.

    Attributes:
        ready: The objects that are there already.
        opened: Called with the app scope.
    """

    engine: "Engine"
    ready: Mapping[Key, Any]
    opened: Callable[[OpenScope], None] | None = None


class Engine:
    """A graph, made runnable.

    Args:
        graph: Checked; no problems.
        ready: The keys of objects that are there from the start of the app scope.
        container: Whose engine it is, as scopes are to tell it.
        observers: Who listens to the scopes of the container.
        asked: The keys that somebody has asked its scopes for, or may ask for; more are added.
        overridden: Keys whose provider was replaced by an override.
        slot_of: The attributes that objects have in scopes that are not of this engine.

    Attributes:
        origin: What whoever has made it knows about it.
        fillings: What functions that are filled have compiled for it.
    """

    origin: Any = None

    def __init__(
        self,
        graph: Graph,
        ready: Collection[Key],
        container: object,
        observers: Observers,
        asked: set[Key],
        overridden: Collection[Key] = (),
        slot_of: Callable[[Provider], str | None] | None = None,
    ) -> None:
        self.graph = graph
        self.observers = observers
        self.asked = asked
        self.slots = Slots(graph.providers, self._add_slot, slot_of)
        self.handed_in = HandedIn(graph, self.slots, ready, overridden)
        self._classes: dict[str, type[OpenScope]] = {}
        self._overlay_class: type[OverlayScope] | None = None
        self._shared_slots: Sequence[tuple[str, str]] | None = None
        self._by_mode: dict[tuple[str, Provider, Mode], _Function] = {}
        self._acquirers: dict[tuple[str, Provider], _Acquirer] = {}
        self._elsewhere: dict[Plan, _Function] = {}
        self._called: weakref.WeakKeyDictionary[Any, dict[Any, Filler]] = (
            weakref.WeakKeyDictionary()
        )
        self.fillings: weakref.WeakKeyDictionary[Filling, tuple[Filler, dict[str, Any]]] = (
            weakref.WeakKeyDictionary()
        )
        self._makers: dict[tuple[str, Provider], _Function] = {}
        self._private_classes: dict[str, type[OpenScope]] = {}
        self._ways_in: dict[tuple[str, str | None], Sequence[str]] = {}
        scopes = graph.scopes
        self._hooks = Hooks(
            missing=MISSING,
            nothing=NOTHING,
            current_task=loops.current_task,
            task_of=loops.task_of,
            running_loop=loops.running_loop,
            still_there=_still_there,
            elsewhere=self._run_elsewhere,
            landed=_landed,
            failed=self._failed,
            not_ready=_not_ready,
            check_value=check_value,
            target_of=target_of,
            relate=partial(relate, self),
        )
        for name in scopes.names:
            self._classes[name] = self._scope_class(name, container)
        for outer, inner in pairwise(scopes.names):
            if not self.handed_in.is_needed_for(inner):
                self._classes[outer]._next_plain = self._classes[inner]

    # --- opening scopes -------------------------------------------------------------------

    def open(
        self,
        parent: OpenScope | None,
        name: str | None,
        values: Mapping[Any, Any],
        opened_by: Caller | None,
        *,
        in_own_task: bool = True,
        ready: Mapping[Key, Any] = _NOTHING,
    ) -> list[OpenScope]:
        """Open scopes from *parent* inwards to *name*, outermost first; the last is *name*.

        The check of names and values comes first, so that nothing is open after an error. An
        app scope begins with what is *ready*.
        """
        names = self._names_to_open(parent, name)
        given = self.handed_in.check(names[-1], values, opened_by)
        opened: list[OpenScope] = []
        for each in names:
            if parent is None:
                parent = self._open_app(each, ready)
            else:
                parent = self.open_one(each, parent, in_own_task=in_own_task)
            parent.opened_by = opened_by
            opened.append(parent)
        for provider, value in given.items():
            setattr(opened[-1], self.slots[provider], value)
            opened[-1].is_untouched = False
        binding.note_outside(opened[0], binding.current.get(None))
        return opened

    def open_one(self, name: str, parent: OpenScope, *, in_own_task: bool = True) -> OpenScope:
        """An open scope with nothing in it; without a task of its own, all is made in owners."""
        if parent.closed:
            raise parent.closed_error(f'a scope "{name}"')
        parent.check_loop("a scope inside it")
        if not in_own_task:
            return self._classes[name](parent, NO_TASK)
        scope = self._classes[name](parent, loops.current_task())
        scope.mark_level()
        return scope

    @cached_property
    def request_opener(self) -> Callable[[OpenScope, object], OpenScope]:
        """What opens a request scope in an app scope, for a task that runs.

        The scopes between are opened too. Where there are none, it is nothing but a class.
        """
        scopes = self.graph.scopes
        *between, innermost = (self._classes[n] for n in scopes.between(scopes.widest, REQUEST))
        if not between:
            return innermost

        def open_request(scope: OpenScope, task: object) -> OpenScope:
            for cls in between:
                scope = cls(scope, task)
            request = innermost(scope, task)
            request.is_untouched = False  # those around it have to be closed, too
            return request

        return open_request

    @cached_property
    def releases_in_requests(self) -> bool:
        """Whether anything that may be made inside a request has a release."""
        widest = self.graph.scopes.widest
        return any(p.kind.has_release and p.scope != widest for p in self.graph.declared)

    def eager_providers(self, roots: Iterable[Provider]) -> list[Provider]:
        """What is made when an app scope opens: what says `eager=True`, and what *roots* need.

        Without what says `eager=False`, unless something else that is made needs it. In
        dependency order, then in the order of declaration.
        """
        told = [provider for provider in self.graph.providers if provider.eager]
        needed = set(self.graph.needed([*told, *roots], at_once=True))
        chosen = [
            provider
            for provider in self.graph.providers
            if provider in needed
            and self._is_made_at_start(provider)
            and provider.eager is not False
        ]
        return [p for p in self.graph.needed(chosen, at_once=True) if self._is_made_at_start(p)]

    def _is_made_at_start(self, provider: Provider) -> bool:
        is_made = provider.kind not in (Kind.VALUE, Kind.SUPPLIED)
        return is_made and provider.scope == self.graph.scopes.widest

    def check_endpoints(
        self, entries: Iterable[Entry]
    ) -> tuple[list[Provider], list[errors.GraphError]]:
        """The providers that endpoints ask for in a request, and all that is wrong with that.

        Nothing provides a parameter, say, or it lives in a scope that is not open in a request.
        """
        asked_for: list[Provider] = []
        problems: list[errors.GraphError] = []
        for entry in entries:
            try:
                filler = Filler(self, entry)
                filler.opens(REQUEST)
                asked_for += filler.providers
            except errors.GraphError as error:
                problems += error.problems
        return asked_for, merge(problems)

    def roots(self) -> list[Provider]:
        """All that something could ask for, where it is not known who asks."""
        later = {provider.leads_to for provider in self.graph.providers}
        roots = [provider for provider in self.graph.providers if provider not in later]
        self.asked.update(key for provider in roots for key in provider.keys)
        return roots

    def open_above(self, base: OpenScope, ready: Mapping[Key, Any]) -> OverlayScope:
        """An app scope that shares with *base* all that this graph says is shared."""
        cls = self._overlay_class
        if cls is None:
            widest = self._classes[self.graph.scopes.widest]
            cls = self._overlay_class = type("OpenScope", (OverlayScope, widest), {})
        overlay: OverlayScope = cls(base)
        theirs, own = base.__dict__, overlay.__dict__
        for below, slot in self._slots_below(base._engine):
            if below in theirs:
                own[slot] = theirs[below]
        self.handed_in.start(overlay, ready)
        return overlay

    def _slots_below(self, base: "Engine") -> Sequence[tuple[str, str]]:
        """The slots of what is shared: in app scopes of *base*, and in the overlays above them."""
        if self._shared_slots is None:
            shared = [p for p in self.graph.providers if p.kind is Kind.SHARED and p.leads_to]
            pairs = ((base.slots.known(p.leads_to), self.slots[p]) for p in shared if p.leads_to)
            self._shared_slots = [(below, slot) for below, slot in pairs if below is not None]
        return self._shared_slots

    @property
    def app_class(self) -> type[OpenScope]:
        """The class of its app scopes."""
        return self._classes[self.graph.scopes.widest]

    def is_of(self, cls: type[OpenScope]) -> None:
        """Have its app scopes be of *cls*, another engine's, which has most of the slots."""
        for provider in self.graph.providers:
            slot = self.slots[provider]
            if provider.scope == self.graph.scopes.widest and not hasattr(cls, slot):
                setattr(cls, slot, MISSING)
        self._classes[self.graph.scopes.widest] = cls

    def _open_app(self, name: str, ready: Mapping[Key, Any]) -> OpenScope:
        # Without a task of its own: whoever asks, context managers get owner tasks.
        scope = self._classes[name](None, NO_TASK)
        scope.context = binding.snapshot()
        scope.running = Running()
        scope._opener = loops.current_task()
        scope.loop = loops.loop_token()
        scope.token = current_token()
        scope.here = loops.task_getter()
        scope.cancel_scopes = None if loops.is_trio() else loops.cancel_scopes()
        scope.mark_level()
        self.handed_in.start(scope, ready)
        return scope

    def _names_to_open(self, parent: OpenScope | None, name: str | None) -> Sequence[str]:
        order = self.graph.scopes
        if parent is None:
            return (order.widest,)
        if parent.closed:
            raise parent.closed_error(f'a scope "{name or order.narrower(parent.name)}"')
        names = self._ways_in.get((parent.name, name))
        if names is None:
            names = self._ways_in[parent.name, name] = self._way_in(parent.name, name)
        for between in names[:-1]:
            self.handed_in.check(between, {})
        return names

    def _way_in(self, outer: str, name: str | None) -> Sequence[str]:
        order = self.graph.scopes
        inner = name or order.narrower(outer)
        if inner is not None and inner not in order:
            raise errors.UnknownScopeError(scope=inner, known=order.names)
        if inner is None or order.rank(inner) <= order.rank(outer):
            raise errors.ScopeOrderError(key=None, scope=inner or "", asked_in=outer, provider="")
        return order.between(outer, inner)

    # --- plans ----------------------------------------------------------------------------

    def provider(self, scope: OpenScope, key: Key) -> Provider | None:
        """The provider of *key*, if *scope* can be asked for it.

        None for `T | None` where nothing provides T.
        """
        provider = self._provider(key)
        narrower = self.graph.narrowest([provider], scope.name) if provider else None
        if narrower is not None:
            raise errors.ScopeOrderError(
                key=key,
                scope=narrower.scope,
                asked_in=scope.name,
                provider=narrower.name,
                place=narrower.place,
            )
        return provider

    def narrower_for(self, scope: str, key: Key) -> str | None:
        """The narrower scope in which *key*, or something that it needs, lives."""
        provider = self._provider(key)
        narrower = self.graph.narrowest([provider], scope) if provider else None
        return narrower.scope if narrower is not None else None

    def _provider(self, key: Key) -> Provider | None:
        edge = self._edge(key)
        if edge is None:
            raise missing_key(self.graph, key)
        return edge.provider

    def _edge(self, key: Key) -> Edge | None:
        inner, optional = without_none(key.form)
        edge = edge_for(self.graph, Parameter("", Key(inner, key.name), optional))
        self.is_asked_for(edge)
        return edge

    def is_asked_for(self, edge: Edge | None) -> None:
        """Note what somebody asks for, as a handle or not."""
        provider = edge.provider if edge is not None else None
        while provider is not None:
            self.asked.update(provider.keys)
            provider = provider.leads_to

    def resolver(self, scope: OpenScope, key: Key, form: Any) -> _Acquirer:
        """The function that makes *key* in scopes like *scope*, kept for the next time."""
        provider = self.provider(scope, key)
        function = self.acquirer(scope, provider) if provider is not None else _nothing
        with suppress(TypeError):  # metadata of an Annotated may be unhashable
            scope._resolvers[form] = function
        return function

    def acquirer(self, scope: OpenScope, provider: Provider) -> _Acquirer:
        """The compiled plan for *provider*, to be run in *scope*."""
        name = scope.name
        function = self._acquirers.get((name, provider))
        if function is None:
            function = self._plan(name, provider, self.mode_of(name))
            self._acquirers[name, provider] = function
        return function

    def resolver_now(self, scope: OpenScope, key: Key, form: Any) -> Callable[[Any], Any]:
        """The same, without awaiting."""
        provider = self.provider(scope, key)
        function = self.acquirer_now(scope, provider) if provider is not None else _nothing_now
        with suppress(TypeError):
            scope._resolvers_now[form] = function
        return function

    def acquirer_now(self, scope: OpenScope, provider: Provider) -> Callable[[Any], Any]:
        """The same, without awaiting."""
        return self._plan(scope.name, provider, Mode.NOW)

    def mode_of(self, name: str) -> Mode:
        """App-scoped context managers always live in owner tasks."""
        return Mode.ELSEWHERE if name == self.graph.scopes.widest else Mode.HERE

    def check_factory(self, entry: Entry) -> None:
        """Check that everything the app factory asks for is there in the app scope.

        Raises:
            GraphError: Nothing provides a parameter.
            ScopeOrderError: One lives in a narrower scope.
        """
        filler = Filler(self, dataclasses.replace(entry, scope=self.graph.scopes.widest))
        if filler.scope is not None:
            raise filler.order_error(self.graph.scopes.widest)

    def _plan(self, name: str, provider: Provider, mode: Mode) -> _Function:
        function = self._by_mode.get((name, provider, mode))
        if function is None:
            plan = plan_provider(self.graph, self.slots, provider, name)
            function = self._by_mode[name, provider, mode] = self.compile(plan, mode)
        return function

    def compile(self, plan: Plan, mode: Mode) -> _Function:
        """The generated function for *plan*."""
        compiled = compile_plan(plan, mode, self._hooks)
        self.observers.added(compiled)
        return compiled.function

    # --- what factories make --------------------------------------------------------------

    def open_private(self, parent: OpenScope) -> OpenScope:
        """A scope for one block of a factory that lives in *parent*."""
        cls = self._private_classes.get(parent.name)
        if cls is None:
            cls = self._private_classes[parent.name] = private_scope_class(type(parent))
        scope = cls(parent, loops.current_task())
        scope.mark_level()
        return scope

    def maker(self, name: str, provider: Provider) -> _Acquirer:
        """The function that makes one more, in a private scope inside one called *name*."""
        function = self._makers.get((name, provider))
        if function is None:
            plan = plan_anew(self.graph, self.slots, provider, name)
            function = self._makers[name, provider] = self.compile(plan, Mode.HERE)
        return function

    # --- from other tasks -----------------------------------------------------------------

    async def _run_elsewhere(self, compiled: Compiled, scope: OpenScope) -> Any:
        """The same plan, asked for from another task than the one that opened the scope."""
        function = self._elsewhere.get(compiled.plan)
        if function is None:
            function = self.compile(compiled.plan, Mode.ELSEWHERE)
            self._elsewhere[compiled.plan] = function
        return await function(scope)

    def _failed(self, compiled: Compiled, scope: OpenScope, error: BaseException) -> None:
        describe_failure(self.graph, compiled, scope._flights, scope.name, error)

    # --- calling functions ----------------------------------------------------------------

    async def call(
        self,
        scope: OpenScope,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call *fn* with what is not passed filled from *scope*."""
        filler = self._filler(fn, len(args), frozenset(kwargs))
        if filler.opens(scope.name):
            async with scope.open(CALL) as inner:
                return await _called(fn, args, {**await filler.fill(inner), **kwargs})
        if scope.closed:
            raise scope.closed_error(f"the parameters of {filler.entry.name}")
        return await _called(fn, args, {**await filler.fill(scope), **kwargs})

    def _filler(self, fn: Callable[..., Any], skip: int, given: frozenset[str]) -> Filler:
        """What fills the parameters of *fn*, kept as long as the function lives."""
        function: Any = getattr(fn, "__func__", fn)  # a bound method is a new object each time
        is_bound = function is not fn
        try:
            fillers = self._called.setdefault(function, {})
        except TypeError:  # it cannot be referred to weakly
            fillers = {}
        filler = fillers.get((is_bound, skip, given))
        if filler is None:
            entry = read_entry(fn, marked=False, skip=skip, given=given)
            filler = fillers[is_bound, skip, given] = Filler(self, entry)
        return filler

    # --- classes of scopes ----------------------------------------------------------------

    def _scope_class(self, name: str, container: object) -> type[OpenScope]:
        slots = {
            self.slots[provider]: MISSING
            for provider in self.graph.providers
            if provider.scope == name
        }
        members: dict[str, Any] = {
            "name": name,
            "container": container,
            "_engine": self,
            "_inside": self,
            "_opening": Opening,
            "_next_plain": None,
            "get": quick_get,
            "_resolvers": {},
            "_resolvers_now": {},
            **slots,
        }
        return type("OpenScope", (OpenScope,), members)

    def _add_slot(self, provider: Provider, slot: str) -> None:
        """A key that every container knows by itself is used for the first time."""
        setattr(self._classes[provider.scope], slot, MISSING)


async def _nothing(scope: OpenScope) -> None:
    """What `T | None` is where nothing provides T."""
    _nothing_now(scope)


def _nothing_now(scope: OpenScope) -> None:
    if scope.closed:
        raise scope.closed_error("anything")


async def _called(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = by_name(fn)(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def _still_there(compiled: Compiled, scope: OpenScope) -> Any:
    root = compiled.plan.root
    if isinstance(root, Entry):
        raise scope.closed_error(f"the parameters of {root.name}")
    return still_there(scope, root)


def _landed(flight: Any, value: Any) -> None:
    flight.land(value)


def _not_ready(compiled: Compiled, provider: Provider) -> errors.NotReadyError:
    root = compiled.plan.root
    key = root.key if isinstance(root, Provider) else None
    function = str(root) if isinstance(root, Entry) else ""
    return errors.NotReadyError(
        key=key, provider=provider.name, place=provider.place, function=function
    )
