"""`@inject`: hide a function's injected parameters, and fill them from the current scope."""

import functools
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar, cast

from anyio import from_thread

from lifescope import errors
from lifescope._declare.annotations import read_signature
from lifescope._declare.signatures import is_marked, read_entry
from lifescope._model.keys import InjectMarker
from lifescope._model.names import place_of, spell_callable
from lifescope._model.scopes import CALL
from lifescope._runtime import connections, loops
from lifescope._runtime.binding import current, find_scope, undo
from lifescope._runtime.engine import Engine, Filler
from lifescope._runtime.scope import OpenScope

__all__ = ["Inject", "inject", "inject_from"]

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])

Inject = Annotated[T, InjectMarker()]
"""Marks a parameter of an endpoint, a job or a command: `session: Inject[AsyncSession]`.

A function decorated with `@inject` gets it from the current scope. For a type checker it is
plain `AsyncSession`. FastAPI has its own, which needs no decorator:
`lifescope.integrations.fastapi.Inject`.
"""


def inject(function: _F, /) -> _F:
    """Fill the parameters annotated `Inject[T]` from the current scope.

    They disappear from the signature; whoever passes one by name, as a test may, wins. What
    lives in the scope "call" is released when *function* returns. A `def` function may be
    called in a worker thread (`anyio.to_thread.run_sync`, a sync endpoint): what has to be
    awaited is then awaited in the event loop.

    Returns:
        A function of the same kind, sync or async.

    Raises:
        GraphError: An annotation cannot be read; raised when it is first called, if the
            name may still be defined.
        NoScopeError: Raised by the call, where no scope is open.
    """
    return inject_from(None, function)


def inject_from(container: object | None, function: _F) -> _F:
    """`inject` for the current scope of one container, or of any."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise errors.InvalidProviderError(
            name=spell_callable(function),
            reason="is a generator function, which @inject cannot wrap; inject into the function "
            "that calls it",
            place=place_of(function),
        )
    injected = _Injected(container, function)
    is_async = inspect.iscoroutinefunction(function)
    wrapper = _async_wrapper(injected) if is_async else _sync_wrapper(injected)
    functools.update_wrapper(wrapper, function)
    _hide(wrapper, function)
    return cast("_F", wrapper)


def _async_wrapper(injected: "_Injected") -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await injected.call(args, kwargs)

    return wrapper


def _sync_wrapper(injected: "_Injected") -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return injected.call_sync(args, kwargs)

    return wrapper


class _Injected:
    """A function with its fillers: one for each engine, and set of parameters passed by hand."""

    def __init__(self, container: object | None, function: Callable[..., Any]) -> None:
        self._container = container
        self._function = function
        self._engine: Engine | None = None
        self._fillers: dict[frozenset[str], Filler] = {}

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        scope = self._scope()
        filler = self._filler(scope, kwargs)
        with _told_to(scope, args):
            if filler.opens(scope):
                async with scope.open(CALL) as inner:
                    return await self._function(*args, **await filler.fill(inner), **kwargs)
            return await self._function(*args, **await filler.fill(scope), **kwargs)

    def call_sync(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        scope = self._scope()
        filler = self._filler(scope, kwargs)
        in_thread = loops.loop_token() is None
        with _told_to(scope, args):
            if not filler.opens(scope):
                filled = (
                    from_thread.run(filler.fill, scope) if in_thread else filler.fill_now(scope)
                )
                return self._function(*args, **filled, **kwargs)
            if not in_thread:
                raise errors.NotReadyError(key=None, provider=f'the scope "{CALL}"')
            with _opened_from_thread(scope) as inner:
                filled = from_thread.run(filler.fill, inner)
                return self._function(*args, **filled, **kwargs)

    def _scope(self) -> OpenScope:
        scope = find_scope(self._container, spell_callable(self._function))
        if scope.closed:
            raise scope.closed_error(f"the parameters of {spell_callable(self._function)}")
        return scope

    def _filler(self, scope: OpenScope, kwargs: Mapping[str, Any]) -> Filler:
        if scope._engine is not self._engine:
            self._engine, self._fillers = scope._engine, {}
        given = frozenset(kwargs)
        filler = self._fillers.get(given)
        if filler is None:
            entry = read_entry(self._function, marked=True, given=given)
            filler = self._fillers[given] = Filler(scope._engine, entry)
        return filler


@contextmanager
def _told_to(scope: OpenScope, args: tuple[Any, ...]) -> Generator[None]:
    """Connect *scope* with an endpoint: its connection goes in, its error is recorded.

    A function is taken for an endpoint if it is called with a connection. What leaves other
    injected functions may still be caught by the endpoint, and is no outcome of the scope.
    """
    connection = connections.given_in(args)
    if connection is None:
        yield
        return
    try:
        scope.supply(dict.fromkeys(connections.keys_of(connection), connection))
        yield
    except BaseException as error:
        scope.record_failure(error)
        raise


@contextmanager
def _opened_from_thread(scope: OpenScope) -> Generator[OpenScope]:
    """A "call" scope around code in a worker thread; opened and closed in the event loop."""
    opening = scope.open(CALL)
    inner = from_thread.run(opening.__aenter__)
    token = current.set(inner)  # the loop's task has bound it in its own context only
    try:
        yield inner
    except BaseException as error:
        from_thread.run(opening.__aexit__, type(error), error, error.__traceback__)
        raise
    else:
        from_thread.run(opening.__aexit__, None, None, None)
    finally:
        undo([token])


def _hide(wrapper: Any, function: Callable[..., Any]) -> None:
    """Take the injected parameters out of what frameworks read."""
    signature = read_signature(function)
    hidden = {name for name, p in signature.parameters.items() if _is_injected(p.annotation)}
    kept = [p for name, p in signature.parameters.items() if name not in hidden]
    wrapper.__signature__ = signature.replace(parameters=kept)
    wrapper.__annotations__ = {
        name: form for name, form in function.__annotations__.items() if name not in hidden
    }


def _is_injected(annotation: Any) -> bool:
    """Also for an annotation that is still a string: it may name what is defined further down."""
    if isinstance(annotation, str):
        return "Inject[" in annotation
    return is_marked(annotation)
