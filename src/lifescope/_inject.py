"""`@inject`: hide a function's injected parameters, and fill them from the current scope."""

import functools
import inspect
import sys
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Annotated, Any, TypeVar, cast

from anyio import from_thread

from lifescope import errors
from lifescope._declare.annotations import Unreadable, Where, read_annotation, read_signature
from lifescope._declare.decorator import local_names
from lifescope._declare.imports import import_of
from lifescope._declare.signatures import injected_names, names_of, read_entry
from lifescope._model.keys import InjectMarker
from lifescope._model.names import place_of, spell_callable, written_at
from lifescope._model.provider import Entry
from lifescope._model.scopes import CALL, REQUEST
from lifescope._runtime import connections, loops
from lifescope._runtime.binding import apply, current, find_scope, undo
from lifescope._runtime.connections import is_connection
from lifescope._runtime.filling import UNKNOWN, Filler, Filling, Steady, steady
from lifescope._runtime.loops import running_loop
from lifescope._runtime.opening import Opening
from lifescope._runtime.scope import OpenScope

__all__ = ["Inject", "inject", "inject_from", "injected_functions"]

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])

Inject = Annotated[T, InjectMarker()]
"""Marks a parameter of an endpoint, a job or a command: `session: Inject[AsyncSession]`.

A function decorated with `@inject` gets it from the current scope. For a type checker it is
plain `AsyncSession`. FastAPI has its own, which needs no decorator:
`lifescope.integrations.fastapi.Inject`.
"""


def _never_filled() -> errors.NeverFilledError | None:
    """Whatever FastAPI is reading at this moment, with an `Inject` that is not its own.

    It may be a function, or a class or an object that is used with `Depends`.

    FastAPI has no name for it in public, so this looks at who calls; elsewhere it is None.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        function: Any = frame.f_locals.get("call") if module.startswith("fastapi.") else None
        names = names_of(function) if callable(function) else ()
        if names and (unfilled := injected_names(function, {})):
            place = written_at(function)
            return errors.NeverFilledError(
                name=spell_callable(function),
                parameters=sorted(unfilled, key=names.index),
                place=place,
                signature=names,
                imported_at=import_of("Inject", place.file) if place else None,
                is_fastapi=True,
            )
        frame = frame.f_back
    return None


InjectMarker.refusals.append(_never_filled)


def inject(function: _F, /) -> _F:
    """Fill the parameters annotated `Inject[T]` from the current scope.

    They disappear from the signature; whoever passes one by name, as a test may, wins. What
    lives in the scope "call" is released when *function* returns. A `def` function may be
    called in a worker thread (`anyio.to_thread.run_sync`, a sync endpoint): what has to be
    awaited is then awaited in the event loop.

    Returns:
        A function of the same kind, sync or async.

    Raises:
        InvalidProviderError: It is a generator function.
        GraphError: An annotation cannot be read; raised when it is first called, because the
            name may still be defined.
        NoScopeError: Raised by the call, where no scope is open.
    """
    return inject_from(None, function, sys._getframe(1))


def inject_from(container: object | None, function: _F, frame: types.FrameType) -> _F:
    """`inject` for the current scope of one container, or of any; *frame* is the caller's."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise errors.InvalidProviderError(
            name=spell_callable(function),
            reason="is a generator function, which @inject cannot wrap",
            place=place_of(function),
            fixes=["inject into the function that calls it."],
        )
    injected = _Injected(container, function, local_names(function, frame))
    is_async = inspect.iscoroutinefunction(function)
    wrapper = _async_wrapper(injected) if is_async else _sync_wrapper(injected)
    functools.update_wrapper(wrapper, function)
    injected.hide_in(wrapper)
    return cast("_F", wrapper)


def _async_wrapper(injected: "_Injected") -> Callable[..., Any]:
    function = injected.function

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        # What the last call has found out holds for all scopes of the same class.
        scope_class, opens_call, plan, connection_class = injected.last
        scope: Any = current.get(None)
        if type(scope) is not scope_class or kwargs or scope.loop is not running_loop():
            return await call(args, kwargs)
        if args:
            if type(args[0]) is connection_class and len(args) == 1 and scope.is_in_endpoint:
                scope.given = args[0]  # as `_told_to` would do for the endpoint of a request
            elif _told_to(scope, args, kwargs) is not _NOTHING:
                return await call(args, kwargs)
        if not opens_call:
            return await function(*args, **await plan(scope))
        opening = Opening()
        opening.parent = scope
        async with opening as inner:
            return await function(*args, **await plan(inner))

    async def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        scope = injected.scope()
        filling = injected.filling(kwargs)
        plan = filling.plan(scope)
        with _told_to(scope, args, kwargs):
            if plan is not None:
                if not kwargs:
                    injected.remember(steady(scope, scope, plan), args)
                return await injected.run(args, kwargs, await plan(scope))
            async with scope.open(CALL) as inner:
                plan = filling.filler(inner).function(CALL)
                if not kwargs:
                    injected.remember(steady(scope, inner, plan), args)
                return await injected.run(args, kwargs, await plan(inner))

    return wrapper


def _sync_wrapper(injected: "_Injected") -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return injected.call_sync(args, kwargs)

    return wrapper


_injected: "weakref.WeakSet[_Injected]" = weakref.WeakSet()


def injected_functions() -> list[Entry]:
    """What the functions of this program with `@inject` ask for, where it can be read."""
    entries: list[Entry] = []
    for injected in list(_injected):
        with suppress(errors.GraphError):
            entries += injected.asks_for()
    return entries


class _Injected:
    """A function with what fills it: one for each set of parameters passed by hand."""

    def __init__(
        self, container: object | None, function: Callable[..., Any], names: dict[str, Any]
    ) -> None:
        self._container = container
        self.function = function
        self._local_names = names
        self._hidden = injected_names(function, names)
        self._signature = read_signature(function)
        self._is_shifted = _is_shifted(self._signature, self._hidden)
        self._fillings: dict[frozenset[str], Filling] = {}
        self.last: tuple[*Steady, type | None] = *UNKNOWN, None
        _injected.add(self)

    def remember(self, found: Steady, args: tuple[Any, ...]) -> None:
        """What the next call may follow, and the class of the connection, if *args* is one."""
        if not self._is_shifted:
            passed = cast("Any", type(args[0])) if args else None
            self.last = *found, passed if args and is_connection(passed) else None

    def hide_in(self, wrapper: Any) -> None:
        """Take the injected parameters out of what frameworks read."""
        wrapper.__signature__ = self._evaluated(self._visible())
        wrapper.__annotations__ = {
            name: annotation
            for name, annotation in wrapper.__annotations__.items()
            if name not in self._hidden
        }
        wrapper.__lifescope_asks_for__ = self.asks_for

    def asks_for(self) -> list[Entry]:
        """What it asks for, for whoever finds it in a route.

        Raises:
            GraphError: An annotation cannot be read.
        """
        return [read_entry(self.function, marked=True, local_names=self._local_names)]

    def call_sync(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function, in the event loop or in a worker thread."""
        scope = self.scope()
        filler = self.filling(kwargs).filler(scope)
        in_thread = loops.loop_token() is None
        with _told_to(scope, args, kwargs):
            if in_thread:
                with _filled_from_thread(scope, filler) as filled:
                    return self.run(args, kwargs, filled)
            if filler.opens(scope.name):
                raise errors.NotReadyError(
                    key=None,
                    provider=f'the scope "{CALL}"',
                    function=str(filler.entry),
                    opens=CALL,
                )
            return self.run(args, kwargs, filler.fill_now(scope))

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], filled: dict[str, Any]) -> Any:
        if not self._is_shifted:
            return self.function(*args, **filled, **kwargs)
        by_hand = {name: value for name, value in kwargs.items() if name in self._hidden}
        visible = {name: value for name, value in kwargs.items() if name not in self._hidden}
        arguments = {**self._visible().bind(*args, **visible).arguments, **filled, **by_hand}
        bound = inspect.BoundArguments(
            self._signature,
            OrderedDict((n, arguments[n]) for n in self._signature.parameters if n in arguments),
        )
        return self.function(*bound.args, **bound.kwargs)

    def _visible(self) -> inspect.Signature:
        parameters = self._signature.parameters.values()
        kept = [parameter for parameter in parameters if parameter.name not in self._hidden]
        return self._signature.replace(parameters=kept)

    def _evaluated(self, signature: inspect.Signature) -> inspect.Signature:
        """*signature* with types for the annotations that are strings and can be read.

        `inspect.signature(eval_str=True)`, which many libraries call, takes a `__signature__` for
        what has been evaluated.
        """
        where = Where(self.function, self._local_names)

        def evaluated(annotation: Any) -> Any:
            form = read_annotation(annotation, where) if isinstance(annotation, str) else annotation
            if annotation == "None":
                return None
            return annotation if isinstance(form, Unreadable) else form

        parameters = [
            parameter.replace(annotation=evaluated(parameter.annotation))
            for parameter in signature.parameters.values()
        ]
        returned = evaluated(signature.return_annotation)
        return signature.replace(parameters=parameters, return_annotation=returned)

    def scope(self) -> OpenScope:
        scope = find_scope(self._container, f"the parameters of {spell_callable(self.function)}")
        if scope.closed:
            raise scope.closed_error(f"the parameters of {spell_callable(self.function)}")
        return scope.in_force()

    def filling(self, kwargs: Mapping[str, Any]) -> Filling:
        """What makes the parameters that are not passed by hand, as *kwargs*."""
        given = frozenset(kwargs) if kwargs else _NONE
        filling = self._fillings.get(given)
        if filling is None:
            entry = read_entry(
                self.function, marked=True, local_names=self._local_names, given=given
            )
            filling = self._fillings[given] = Filling(entry)
        return filling


_NONE: frozenset[str] = frozenset()


def _is_shifted(signature: inspect.Signature, hidden: set[str]) -> bool:
    """Whether what is passed by position, without the hidden ones, would land elsewhere."""
    kinds = [
        (parameter.name in hidden, parameter.kind) for parameter in signature.parameters.values()
    ]
    by_position = [is_hidden for is_hidden, kind in kinds if kind in _BY_POSITION]
    return (True, inspect.Parameter.POSITIONAL_ONLY) in kinds or by_position != sorted(by_position)


_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _told_to(
    scope: OpenScope, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> AbstractContextManager[None]:
    """Connect *scope* with an endpoint: its connection goes in, its error is recorded.

    A function is taken for an endpoint if it is called with a connection, and by no other
    endpoint. What leaves other injected functions may still be caught by the endpoint, and is
    no outcome of the scope. A middleware's function, which gets a connection and a function
    that calls the rest of the app, is around the endpoint, and must not stand in for it.
    """
    arguments = (*args, *kwargs.values()) if kwargs else args
    connection = connections.given_in(arguments)
    is_app = connection is None and connections.is_asgi_call(arguments)
    if connection is None and not is_app:
        return _NOTHING
    request = scope.around(REQUEST)
    if is_app:
        return _NOTHING if request is None else _recorded(request)
    # The boundary around a route, where there is one, sees what leaves the endpoint.
    if request is None or request.is_in_endpoint or _is_middleware(args):
        scope.supply_connection(connection)
        return _NOTHING
    return scope.endpoint(connection)


_NOTHING: AbstractContextManager[None] = nullcontext()


def _is_middleware(args: tuple[Any, ...]) -> bool:
    """Whether a function is called as `dispatch(request, call_next)`, not as an endpoint.

    What a partial endpoint has bound comes by name, or before the connection.
    """
    return (
        len(args) > 1
        and isinstance(args[-1], types.FunctionType)
        and connections.given_in(args[-2:-1]) is not None
    )


@contextmanager
def _recorded(request: OpenScope) -> Generator[None]:
    """The boundary of an ASGI app. It may be middleware, so there may be endpoints inside."""
    try:
        yield
    except BaseException as error:
        request.record_failure(error)
        raise


@contextmanager
def _filled_from_thread(scope: OpenScope, filler: Filler) -> Generator[dict[str, Any]]:
    """What *filler* makes, made in the event loop for code that runs in a worker thread.

    The effects of providers on context variables are visible in the thread, and taken back.
    """
    with _opened_from_thread(scope) if filler.opens(scope.name) else nullcontext(scope) as inner:
        filled, made = from_thread.run(filler.fill_for_thread, inner, token=inner.loop_token())
        tokens = apply(made)
        try:
            yield filled
        finally:
            undo(tokens)


@contextmanager
def _opened_from_thread(scope: OpenScope) -> Generator[OpenScope]:
    """A "call" scope around code in a worker thread; opened and closed in the event loop."""
    opening = Opening()
    opening.parent, opening.special, opening.in_own_task = scope, (CALL, None), False
    loop = scope.loop_token()
    inner = from_thread.run(opening.__aenter__, token=loop)
    token = current.set(inner)  # the loop's task has bound it in its own context only
    try:
        yield inner
    except BaseException as error:
        told = (type(error), error, error.__traceback__)
        from_thread.run(opening.__aexit__, *told, token=loop)
        raise
    else:
        from_thread.run(opening.__aexit__, None, None, None, token=loop)
    finally:
        undo([token])
