"""OpenScope: one running instance of a scope; what was made in it, and its releases."""

import logging
import sys
import time
from collections.abc import (
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from contextvars import Context, Token
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from anyio import CancelScope, Event
from anyio.lowlevel import EventLoopToken
from typing_extensions import TypeForm

from lifescope import errors
from lifescope._model.keys import as_key
from lifescope._model.names import Caller, Place, place_of_caller
from lifescope._model.provider import Provider
from lifescope._model.scopes import REQUEST
from lifescope._runtime import binding, closing, guards, loops
from lifescope._runtime.closing import State
from lifescope._runtime.connections import Connection
from lifescope._runtime.exits import Exit, release_at_once
from lifescope._runtime.owners import Flight, Owner, waiting_for
from lifescope._runtime.running import Running

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine
    from lifescope._runtime.opening import Opening
    from lifescope._runtime.overlays import Overlays

__all__ = ["NOTHING", "NO_TASK", "OpenScope", "quick_get"]

_logger = logging.getLogger("lifescope")

NO_TASK = object()
"""The task of a scope that has none of its own: no task, and no callback, is it."""

NOTHING: Mapping[object, Any] = MappingProxyType({})
"""What is under way in a scope in which nothing has been made yet."""

_IS_DEV_MODE = sys.flags.dev_mode
_OPEN, _CLOSED = State.OPEN, State.CLOSED

T = TypeVar("T")


class OpenScope:
    """One running instance of a scope: a request, say, or the app.

    It holds the objects that were made in it and releases them, in reverse order, when it
    ends. You get one from `container.open()`, from `scope.open()`, from `current_scope()`, or
    as a parameter of a provider. It belongs to the event loop that opened it.

    Attributes:
        name: The scope's name: "app", "request", ...
        parent: The open scope around it; None for the app scope.
    """

    # For each container and scope the engine makes a subclass, with one class attribute per
    # provider that is MISSING: a value that is not there yet costs no memory, and one that is
    # there is read as a plain attribute. Names with an underscore are for the generated code.

    __lifescope_open_scope__ = True

    name: ClassVar[str]
    container: ClassVar[object]
    _engine: ClassVar["Engine"]
    _inside: ClassVar["Engine"]
    _opening: ClassVar[type["Opening"]]
    _next_plain: ClassVar["type[OpenScope] | None"]
    _resolvers: ClassVar[dict[Any, Callable[[Any], Coroutine[Any, Any, Any]]]]
    _resolvers_now: ClassVar[dict[Any, Callable[[Any], Any]]]

    outside: "OpenScope | None" = None
    overlays: "Overlays | None" = None
    connection: Connection | None = None
    given: object | None = None
    failure: BaseException | None = None
    is_failure: Callable[[Exception], bool] | None = None
    context: Context | None = None
    context_for: Callable[[Provider], Context] | None = None
    running: Running
    applied: list[tuple[Token[Any], object]] | None = None
    loop: object | None = None  # None when it has ended
    token: EventLoopToken | None = None
    here: Callable[[], object] = loops.current_task
    cancel_scopes: Mapping[object, Any] | None = None
    is_plain: bool = False  # this, and the next, only of one that has ended
    is_untouched: bool = False
    opened_by: Caller | None = None
    _opener: object = None
    _state: State = State.OPEN
    _closed_at: float | None = None
    _guard: CancelScope | None = None
    _level: object | None = None
    _ended: Event | None = None
    waits_for: Flight | None = None
    crashed: errors.CrashError | None = None
    on_crash: Callable[[], None] | None = None
    stop_timeout: float | None = None
    is_in_endpoint: bool = False
    _lenders: tuple["OpenScope", ...] = ()
    _task: object = NO_TASK  # of one that has ended
    # Until something is made that others may wait for, or that is to be released.
    _flights: dict[object, Flight | None] = cast("Any", NOTHING)
    _exits: list[Exit] = cast("Any", ())

    def __init__(self, parent: "OpenScope | None", task: object) -> None:
        self.parent = parent
        self.loop = None if parent is None else parent.loop
        self.is_untouched = True
        self.is_plain = True
        self._state = _OPEN
        self._task = task

    def __repr__(self) -> str:
        opened = f", opened at {self.opened_at}" if self.opened_at else ""
        return f'<OpenScope "{self.name}", {self._state.name.lower()}{opened}>'

    @property
    def closed(self) -> bool:
        """Whether the scope, or one around it, has ended or is ending."""
        scope: OpenScope | None = self
        while scope is not None:
            if scope._state:
                return True
            scope = scope.parent
        return False

    @property
    def opened_at(self) -> Place | None:
        """The line that has opened it by hand; None if nobody has."""
        return place_of_caller(self.opened_by)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names of the container's scopes, the widest first."""
        return self._engine.graph.scopes.names

    # --- what users call ------------------------------------------------------------------

    async def get(self, key: TypeForm[T]) -> T:
        """The object for *key*, made if need be, and released when its scope ends.

        Args:
            key: A type form, `Annotated[T, Named("...")]` for a qualified one.

        Raises:
            MissingProviderError: Nothing provides it.
            ScopeOrderError: It, or something that it needs, lives in a narrower scope.
            ScopeClosedError: This scope has ended.
        """
        # This is for the first time that a scope of this class is asked for *key*; `quick_get`,
        # which its classes have under this name, is for every other time.
        return cast("T", await self._engine.resolver(self, as_key(key), key)(self))

    def get_nowait(self, key: TypeForm[T]) -> T:
        """The object for *key*, if it is there or can be made without awaiting anything.

        Raises:
            NotReadyError: Something would have to be awaited; the error says what.
            MissingProviderError: Nothing provides it.
            ScopeOrderError: It, or something that it needs, lives in a narrower scope.
            ScopeClosedError: This scope has ended.
        """
        try:
            resolve = self._resolvers_now[key]
        except (KeyError, TypeError):
            resolve = self._engine.resolver_now(self, as_key(key), key)
        value: T = resolve(self)
        return value

    def open(
        self, name: str | None = None, *, values: Mapping[Any, Any] | None = None
    ) -> "Opening":
        """Open the next narrower scope, or the one called *name* and those between.

        Use it as `async with scope.open() as inner:`. Inside the block it is the current scope.

        Args:
            name: A narrower scope; by default the next one.
            values: Key to object, for what is declared with `supplied` in that scope.

        Raises:
            ScopeOrderError: *name* is not narrower than this scope.
            SuppliedValueError: The values are not the declared ones.
            ScopeClosedError: This scope has ended.
        """
        opening = self._opening()
        opening.parent = self
        frame = sys._getframe(1)
        if _IS_DEV_MODE:
            opening.is_written_in(frame)
        else:  # the same, without the call
            opening.caller = frame.f_code, frame.f_lasti
        if name is not None or values:
            if isinstance(cast("Any", name), Mapping):
                raise TypeError("open() takes the name of a scope; for values: open(values={...})")
            opening.special = name, values
        return opening

    async def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call *fn*, sync or async, with every parameter that is not passed filled from here.

        Parameters are filled by their annotations; what has a default and no provider keeps
        the default. What lives in the scope "call" ends when *fn* returns.

        Returns:
            What *fn* returns, awaited if it is a coroutine.
        """
        return await self._engine.call(self, fn, args, kwargs)

    def supply(self, values: Mapping[Any, Any]) -> None:
        """Hand in values after the scope has been opened; for writers of adapters.

        What the scope already has is left as it is: whoever asked before keeps what it got.

        Raises:
            SuppliedValueError: A key is not declared with `supplied` for this scope.
        """
        self._engine.handed_in.supply(self, values)

    def narrower_for(self, key: Any) -> str | None:
        """The scope that has to be opened in this one for *key*; for writers of adapters.

        None if *key* can be asked of this scope as it is.

        Raises:
            MissingProviderError: Nothing provides it.
        """
        return self._engine.narrower_for(self.name, as_key(key))

    def supply_connection(self, connection: object) -> None:
        """Hand in the framework's own object for the connection; for writers of adapters.

        Providers that ask for a class of it, as `Request` or `WebSocket`, get this very object.
        Whoever asked before, in a middleware, keeps what it got.
        """
        request = self.around(REQUEST)
        if request is not None:
            request.given = connection

    @contextmanager
    def endpoint(self, connection: object = None) -> Generator[None]:
        """What leaves the block is how the request has ended; for writers of adapters.

        The block is around an endpoint of a framework: see `record_failure`. Inside of another
        one it records nothing, as what a helper raises may still be handled by the endpoint.

        Args:
            connection: As `supply_connection`.
        """
        request = self.around(REQUEST)
        if connection is not None:
            self.supply_connection(connection)
        if request is None or request.is_in_endpoint:
            yield
            return
        request.is_in_endpoint = True
        try:
            yield
        except BaseException as error:
            self.record_failure(error)
            raise
        finally:
            request.is_in_endpoint = False

    def record_failure(self, error: BaseException) -> None:
        """Tell the scope that *error* has left its endpoint, although somebody handles it.

        When the scope ends, its providers see *error* at their `yield`: a transaction is
        rolled back also where the framework turns the error into a response. Not so where
        `is_failure` of `container.asgi` says that it is no failure. For writers of adapters,
        and for endpoints that answer with an error without raising it. What is told to a call,
        the current scope of many endpoints, is told to its request, too. A later call counts,
        an error that leaves the scope itself counts more.
        """
        if self.counts(error):
            request = self.around(REQUEST) or self
            for scope in (self, request):
                scope.has_failed(error)

    def has_failed(self, error: BaseException) -> None:
        """Its providers are to be told of *error*, unless something else leaves the scope."""
        self.failure = error
        self.is_plain = self.is_untouched = False

    def counts(self, error: BaseException) -> bool:
        """Whether *error* is a failure, by the policy that `container.asgi` was told."""
        *_, app = self.outwards()
        if app.is_failure is None or not isinstance(error, Exception):
            return True
        try:
            return app.is_failure(error)
        except Exception:
            _logger.exception("is_failure itself has failed; so the request has")
            return True

    def in_force(self) -> "OpenScope":
        """The scope to ask instead: where overrides are in force, an app scope is not it."""
        return self

    def maker_of(
        self, engine: "Engine", provider: Provider, asker: "OpenScope"
    ) -> "tuple[Engine, Provider, OpenScope]":
        """What makes one more of what *provider* of *engine* makes, and in which scope.

        Called for the app scope around *asker*, which is where it is made usually.
        """
        return engine, provider, asker

    # --- for generated code ---------------------------------------------------------------

    async def _acquire(self, provider: Provider) -> Any:
        """What *provider* makes in this scope, asked for from a narrower one."""
        return await self._engine.acquirer(self, provider)(self)

    def _acquire_now(self, provider: Provider) -> Any:
        return self._engine.acquirer_now(self, provider)(self)

    def outwards(self) -> Iterator["OpenScope"]:
        """This scope, and those around it."""
        scope: OpenScope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def around(self, name: str) -> "OpenScope | None":
        """The scope called *name* that this one is, or is in; None if there is none."""
        scope: OpenScope | None = self
        while scope is not None and scope.name != name:
            scope = scope.parent
        return scope

    def _begin(self) -> None:
        """Have where to note what is under way, and what is to be released."""
        if self._flights is NOTHING:
            self._flights, self._exits = {}, []

    def _may_make_now(self, provider: Provider, is_entered: bool) -> bool:
        """Whether *provider* can be made without awaiting; False if somebody is at it already.

        Not from a thread: it would make what the event loop, or another thread, makes as well.

        Raises:
            AcquisitionLoopError: It is this very acquisition that asks.
        """
        here = loops.current_task()
        if self.check_loop(str(provider.key)) is False or (is_entered and self._task is not here):
            return False
        if provider not in self._flights:
            self._begin()
            return True
        if self._flights[provider] is None and (self._opener or self._task) is here:
            raise errors.AcquisitionLoopError(providers=self._under_way_from(provider))
        return False

    def _in_context(
        self, provider: Provider, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Call *target* as part of the app, whoever asks: with its scope, in its context.

        What it changes in context variables is there for what is made later, and for the asker.
        """
        self.check_loop(str(provider.key))
        base = self._app_context(provider)
        assert base is not None
        before = base.copy()
        context = before.copy()
        context.run(binding.current.set, self)
        made = context.run(target, *args, **kwargs)
        changes = binding.changes(before, context)
        base.run(binding.apply, changes)
        self.apply_effects(changes)
        return made

    def _app_context(self, provider: Provider) -> Context | None:
        """The app's context, for what is made in an app scope; in a concurrent start, its part."""
        return self.context if self.context_for is None else self.context_for(provider)

    def _supply(self, provider: Provider) -> Any:
        """The value of a supplied key that nobody has handed in: the connection, or an error."""
        return self._engine.handed_in.connection_value(self, provider)

    async def _own(
        self, provider: Provider, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Make it in an owner task; join whoever is at it already."""
        if provider in self._flights:
            return await self._join(provider)
        flight = self._start_owner(provider, provider, args, kwargs)
        return await self._landing(provider, flight)

    async def _own_transient(
        self, provider: Provider, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Make one more in an owner task; it is released with this scope."""
        flight = self._start_owner(object(), provider, args, kwargs)
        with waiting_for(flight, self):
            await flight.wait()
        if flight.error is None and self.closed:
            raise self.closed_error(str(provider.key))
        return self._value_of(flight)

    def _start_owner(
        self, key: object, provider: Provider, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Flight:
        self.check_loop(str(provider.key))
        if self._state:  # a plan that began before: what it needs is about to be released
            raise self.closed_error(str(provider.key))
        # What lives as long as the app starts from the app's context, not from that of the
        # request that happens to ask first.
        owner = Owner(self, key, provider, args, kwargs, self._app_context(provider))
        self._begin()
        self._flights[key] = owner.flight  # first: an eager task lands before start() returns
        owner.start()
        return owner.flight

    async def _join(self, provider: Provider) -> Any:
        """Wait for the acquisition that is under way."""
        flight = self._flights[provider]
        if flight is None:
            if self._task is loops.current_task():
                raise errors.AcquisitionLoopError(providers=self._under_way_from(provider))
            flight = self._flights[provider] = Flight(self, provider)
        return await self._landing(provider, flight)

    async def _landing(self, provider: Provider, flight: Flight) -> Any:
        with waiting_for(flight, self):
            await flight.wait()
        if flight.is_void:
            return await self._acquire(provider)
        if flight.error is None and self.closed:  # its turn to be released comes next, or was
            raise self.closed_error(str(provider.key))
        return self._value_of(flight)

    def _under_way_from(self, provider: Provider) -> list[str]:
        """The providers that this task is acquiring in place, from *provider* inwards."""
        inline = [key for key, flight in self._flights.items() if not (flight and flight.owner)]
        return [str(key) for key in inline[inline.index(provider) :]]

    def _value_of(self, flight: Flight) -> Any:
        if flight.error is not None:
            raise flight.error
        self.apply_effects(flight.effects)
        return flight.value

    def effects(self) -> list[Token[Any]]:
        """What was set for this task on the way; not what the block itself has set since."""
        return [token for token, value in self.applied or () if token.var.get(None) is value]

    def apply_effects(self, changes: Sequence[binding.Change]) -> None:
        """Have them in this task, until its innermost scope ends."""
        tokens = binding.apply(changes)
        if not tokens:
            return
        task = loops.current_task()
        here = binding.current.get(self)
        for scope in (here, self):
            for each in scope.outwards():
                # That of a test has no task: it is whoever it is current for.
                is_of_test = each is here and each._task is NO_TASK and each.parent is not None
                if is_of_test or (each._opener or each._task) is task:
                    applied = [(token, token.var.get()) for token in tokens]
                    each.applied = [*(each.applied or ()), *applied]
                    each.is_plain = each.is_untouched = False
                    return

    # --- for owners -----------------------------------------------------------------------

    def landed(self, owner: Owner, handle: Any, value: Any, effects: list[binding.Change]) -> None:
        """An owner has made its object: note its release, keep it, wake those who wait."""
        if handle is not None:
            self._exits.append((owner.provider, owner))
        if owner.key is owner.provider:
            setattr(self, self._engine.slots[owner.provider], value)
        if owner.base is not None:
            owner.base.run(binding.apply, effects)
        del self._flights[owner.key]
        owner.flight.land(value, effects)

    def landing_failed(self, owner: Owner, error: BaseException) -> None:
        """An owner could not make its object."""
        if owner.gave_up and isinstance(error, Exception):  # nobody else hears of it
            _logger.error("%s has failed while being stopped", owner.provider, exc_info=error)
        del self._flights[owner.key]
        owner.flight.fail(error, void=owner.gave_up)

    def crash(self, provider: Provider) -> None:
        """A task that *provider* runs has failed: the scope ends, and whoever is inside is told.

        They are cancelled, as a task group cancels the block that it is around.
        """
        if self._state is not State.OPEN or self.crashed is not None:
            return
        if loops.is_ending(self._opener):  # the event loop cancels all tasks at its end
            return
        _logger.critical("%s was interrupted while in use: a task of it has failed", provider)
        self.crashed = errors.CrashError.about(provider)
        self.is_plain = False
        if self.on_crash is not None:
            self.on_crash()
        else:
            loops.cancel(self._opener or self._task, self._guard)

    @property
    def is_abandoned(self) -> bool:
        """Nobody is left who could close it: the task that opened it has ended."""
        return loops.is_done(self._opener)

    def check_loop(self, wanted: str) -> bool:
        """See that it is asked in its own event loop; False in a thread that has none.

        Raises:
            WrongLoopError: It is not.
        """
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        if loops.runs_here(scope.loop):
            return True
        here = loops.loop_token()
        if here is not None and scope.loop is not None and here is not scope.loop:
            raise errors.WrongLoopError(
                scope=self.name, wanted=wanted, opened_at=self.opened_at or scope.opened_at
            )
        return here is not None or scope.loop is None

    def loop_token(self) -> EventLoopToken | None:
        """The event loop to which it belongs, for threads that have to ask there."""
        *_, app = self.outwards()
        return app.token

    def is_acquiring_here(self) -> bool:
        """Whether the task that runs is the scope's own, and is acquiring in place."""
        if self._task is not loops.current_task():
            return False
        return any(flight is None or flight.owner is None for flight in self._flights.values())

    # --- the end --------------------------------------------------------------------------

    def close_at_once(self, error: BaseException | None) -> bool:
        """End a scope if nothing in it has to be waited for, and told of *error*.

        Returns:
            Whether it has ended. Otherwise it is to be closed.
        """
        if error is None and self.is_plain and self.parent is not None:
            return self.end_plainly()
        if self._flights or self._state or self._exits or self._guard is not None:
            return False
        if self.parent is None and (self.running.work or self.overlays is not None):
            return False
        self.forget()
        return True

    def end_plainly(self) -> bool:
        """The same for a scope that has ended well; False, too, if it is not `is_plain`."""
        if not self.is_plain or self._state:
            return False
        flights = self._flights
        if flights is not NOTHING:
            if flights:
                return False
            exits = self._exits
            if exits:
                self._state = State.CLOSING
                if not release_at_once(exits):
                    self._state = State.OPEN  # for whoever closes it now
                    return False
        # As `forget`, which would be a call more; nobody waits for the end of one that is plain.
        self.__dict__ = {
            "parent": self.parent,
            "opened_by": self.opened_by,
            "_state": _CLOSED,
            "_closed_at": time.monotonic(),
        }
        return True

    def end_unused(self) -> None:
        """End a scope that `is_untouched`."""
        self.connection = self.given = None
        self._state = _CLOSED
        self._closed_at = time.monotonic()

    async def close(self, error: BaseException | None) -> None:
        """End the scope; see `closing.close`."""
        await closing.close(self, error)

    def mark_level(self) -> None:
        """Note which cancel scopes are around the task that opens this by hand."""
        if not loops.is_trio():
            self.is_below(loops.cancel_scope_around(self._opener or self._task))
            return
        self.is_plain = False
        self._guard = guards.enter_early(self._opener or self._task)
        # What scopes further out acquire from now on would lie above the guard, and outlast
        # it. So they have no task for a while, and everything is acquired in owners.
        for scope in self.outwards():
            if scope is not self and scope._task is self._task:
                scope._task = NO_TASK
                self._lenders = (*self._lenders, scope)

    def is_below(self, cancel_scope: object | None) -> None:
        """Note the innermost cancel scope of anyio around the task that opens this."""
        if cancel_scope is not None:
            self._level = cancel_scope
            self.is_plain = False

    def give_back(self) -> None:
        """End what `mark_level` has begun: the scopes further out have their task again."""
        for scope in self._lenders:
            scope._task = self._task
        self._lenders = ()

    def forget(self) -> None:
        """Be closed, and drop every object: whoever holds the scope keeps none alive (G15)."""
        ended = self._ended
        self.__dict__ = {  # the fastest way to be rid of all others
            "parent": self.parent,
            "opened_by": self.opened_by,
            "_state": _CLOSED,
            "_closed_at": time.monotonic(),
        }
        if ended is not None:
            ended.set()

    def closed_error(self, wanted: str) -> errors.ScopeClosedError:
        """The error for whoever asks too late; about the scope that has ended."""
        if self._state is State.OPEN and self.parent is not None:
            return self.parent.closed_error(wanted)
        return errors.ScopeClosedError(
            scope=self.name,
            wanted=wanted,
            opened_at=self.opened_at,
            closing=self._state is not State.CLOSED,
            seconds_ago=None if self._closed_at is None else time.monotonic() - self._closed_at,
        )


def quick_get(scope: OpenScope, key: Any) -> Coroutine[Any, Any, Any]:
    """`OpenScope.get`, without a coroutine of its own: that would be a third of what it costs."""
    try:
        return scope._resolvers[key](scope)
    except (KeyError, TypeError):
        return OpenScope.get(scope, key)
