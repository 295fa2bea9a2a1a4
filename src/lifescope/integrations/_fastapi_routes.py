"""FastAPI's routes, fitted when an app starts: what lifescope fills is made by one plan.

The handler of a route is a function of FastAPI that calls `solve_dependencies` for all that its
endpoint is called with. A fitted route has this very function once more, which calls `_solve`
there. So whatever else FastAPI does for a request it does as ever; what changes is that injected
parameters are no dependencies, and that only what an endpoint declares is read from the request:
headers, cookies and the query are not looked at for nothing.

FastAPI has no public place for that. So this looks at what it is about to change, and leaves a
route alone that looks different: its dependencies do the same work.
"""

import dataclasses
import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from fastapi import routing
from fastapi.dependencies import utils
from fastapi.requests import HTTPConnection

from lifescope import current_scope
from lifescope.adapters import Parameters
from lifescope.errors import NoScopeError

__all__ = ["fit", "is_generator"]

_HANDLERS = ("get_request_handler.<locals>.app", "get_websocket_app.<locals>.app")
"""The handlers, by what they are called inside of FastAPI ..."""

_SOLVE = "solve_dependencies"
"""... and what they call for all that an endpoint is called with."""

_OURS = "_lifescope_solve_dependencies"
"""What those of fitted routes call instead. It is one more name in the handler's module, so that
what else is in there can still be replaced, as instrumentation and mocks do."""

_STACK = "fastapi_function_astack"
"""Where FastAPI keeps, in ASGI's scope, what ends before the response starts ..."""

_BODY_STACK = "fastapi_inner_astack"
"""... and what ends when its body was sent."""

_OF_SOLVED = ("values", "errors", "background_tasks", "response", "dependency_cache")
"""What they get for it, a `SolvedDependency`."""

_READ = {
    "path_params": "path_params",
    "query_params": "query_params",
    "header_params": "headers",
    "cookie_params": "cookies",
}
"""What a `Dependant` has fields for, and where their values are in a connection; in the order
in which FastAPI tells of errors ..."""

_BODY = "body_params"
"""... the last of which are these."""

_MOST = 50
"""Functions and middleware to look into for a handler: what somebody has put around it."""

_ABOUT_ITSELF = {
    "name",
    "call",
    "path",
    "scope",
    "use_cache",
    "cache_key",
    "concurrency",
    "own_oauth_scopes",
    "parent_oauth_scopes",
    "request_param_name",
    "websocket_param_name",
    "http_connection_param_name",
}
"""What a `Dependant` says besides what has to be solved for it. Of the connection it only has
the names of parameters, for which the one of the request is taken."""

_Fill = Callable[[HTTPConnection], Awaitable[dict[str, Any]]]
"""What makes the injected parameters of one endpoint."""


def fit(route: Any, app: Any) -> None:
    """Have what *route* asks for made together; *app* is what FastAPI has made for it.

    Requests may be served by it at this moment. They go on with the handler that they have.
    """
    dependant = getattr(route, "dependant", None)
    found = _find_handler(app, dependant) if _can_be_fitted(dependant) else None
    if found is not None:
        cell, is_bare = found
        cell.cell_contents = _with_solving(cell.cell_contents, dependant, is_bare=is_bare)


def is_generator(function: Any) -> bool:
    """Whether an endpoint is a generator: the body of the response is what it yields."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if function is not None else None
    if not inspect.isroutine(function):
        function = getattr(function, "__call__", None)  # noqa: B004
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


# What FastAPI has under these names, if it is there.
_Dependant: Any = getattr(utils, "Dependant", None)
_Solved: Any = getattr(utils, "SolvedDependency", None)
_solve_dependencies: Any = getattr(utils, _SOLVE, None)
_params_to_args: Any = getattr(utils, "request_params_to_args", None)
_body_to_args: Any = getattr(utils, "request_body_to_args", None)

_Fitted: Any = type("_Fitted", (_Dependant or object,), {})
"""A `Dependant` with one more attribute, `lifescope`: its `_Solving`."""


# --- during a request -----------------------------------------------------------------------


class _Solving:
    """How one endpoint gets its parameters.

    Args:
        fill: Makes the injected ones; None if there are none.
        declared: What FastAPI reads from the request for the others; None if it does more than
            that for them.

    Attributes:
        solved: What FastAPI has made besides values, which is the same for each request, so it
            can be handed out again. None before.
        connection_names: The parameters for which the endpoint gets the connection.
    """

    solved: Any = None
    connection_names: tuple[str, ...] = ()

    def __init__(self, fill: _Fill | None, declared: "_Declared | None") -> None:
        self.fill = fill
        self.declared = declared or _NOTHING_DECLARED
        self._is_known = declared is not None

    async def solve(self, connection: HTTPConnection, arguments: dict[str, Any]) -> Any:
        """Have FastAPI solve what is not injected, and note if it only read the request."""
        solved = await _solve_dependencies(request=connection, **arguments)
        if self._is_known and not solved.errors:
            values = solved.values.items()
            self.connection_names = tuple(name for name, value in values if value is connection)
            self.solved = dataclasses.replace(solved, values={})
        return solved


class _Declared(NamedTuple):
    """The parameters of one endpoint that are read from the request.

    Attributes:
        groups: Fields, and the attribute of the connection in which they are.
        body: Fields of the body.
    """

    groups: tuple[tuple[Any, str], ...]
    body: Any

    async def read(
        self, connection: HTTPConnection, arguments: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Any]]:
        """Values by name, and errors: what FastAPI's own functions make of the request."""
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for fields, attribute in self.groups:
            found, wrong = _params_to_args(fields, getattr(connection, attribute))
            values.update(found)
            errors += wrong
        if self.body:
            found, wrong = await _body_to_args(
                body_fields=self.body,
                received_body=arguments["body"],
                embed_body_fields=arguments["embed_body_fields"],
            )
            values.update(found)
            errors += wrong
        return values, errors


_NOTHING_DECLARED = _Declared((), None)


async def _solve(*, request: Any, **arguments: Any) -> Any:
    """FastAPI's `solve_dependencies`, as the handler of a fitted route calls it."""
    solving = arguments["dependant"].lifescope
    solved = solving.solved
    values: dict[str, Any]
    if solved is None:
        solved = await solving.solve(request, arguments)
        values, errors = solved.values, solved.errors
    elif solving.declared is _NOTHING_DECLARED:
        values, errors = {}, []
    else:
        values, errors = await solving.declared.read(request, arguments)
    if solving.fill is not None and not errors:
        values.update(await solving.fill(request))
    for name in solving.connection_names:
        values[name] = request
    # Its response has the headers and the status that are set by whoever asks for it; where the
    # request is only read, nobody does.
    return _Solved(
        values, errors, solved.background_tasks, solved.response, solved.dependency_cache
    )


def _function_stack(connection: HTTPConnection) -> AsyncExitStack:
    stack: AsyncExitStack = connection.scope[_STACK]
    return stack


def _body_stack(connection: HTTPConnection) -> AsyncExitStack:
    stack: AsyncExitStack = connection.scope[_BODY_STACK]
    return stack


# --- when an app starts ---------------------------------------------------------------------


def _with_solving(handler: FunctionType, dependant: Any, *, is_bare: bool) -> FunctionType:
    """*handler*, which calls `_solve` with a *dependant* that says how."""
    all_of_them = dependant.dependencies
    keys = {each.name: each.call.__lifescope_key__ for each in all_of_them if _is_injected(each)}
    others = [each for each in all_of_them if not _is_injected(each)]
    about = {name: getattr(dependant, name) for name in _fields(dependant)}
    about["dependencies"] = others
    fitted = _Fitted(**about)
    fill = _filling(dependant.call, keys)
    fill = fill if fill is None or is_bare else _telling(fill)
    fitted.lifescope = _Solving(fill, _declared(about))
    cells = zip(handler.__code__.co_freevars, handler.__closure__ or (), strict=True)
    closure = tuple(CellType(fitted) if name == "dependant" else cell for name, cell in cells)
    names = handler.__globals__
    names[_OURS] = _solve
    code = _calling_ours(handler.__code__)
    copy = FunctionType(code, names, handler.__name__, handler.__defaults__, closure)
    copy.__kwdefaults__ = handler.__kwdefaults__
    return copy


def _declared(about: dict[str, Any]) -> _Declared | None:
    """What is read for an endpoint; None if FastAPI makes more for it, or that is not known."""
    known = {*_ABOUT_ITSELF, *_READ, _BODY}
    if any(value for name, value in about.items() if name not in known):
        return None
    groups = tuple((about[name], _READ[name]) for name in _READ if about.get(name))
    body = about.get(_BODY)
    if not groups and not body:
        return _NOTHING_DECLARED
    return _Declared(groups, body) if _CAN_READ else None


def _filling(function: Callable[..., Any], keys: dict[str, Any]) -> _Fill | None:
    """What makes the parameters *keys* of an endpoint, which ends with its "call" scope."""
    if not keys:
        return None
    stack = _body_stack if is_generator(function) else _function_stack
    return functools.partial(Parameters(function, keys).fill_for, exits=stack)


def _telling(fill: _Fill) -> _Fill:
    """*fill*, below a function that may answer what a provider raises: the request is told."""

    async def tell(connection: HTTPConnection) -> dict[str, Any]:
        try:
            return await fill(connection)
        except BaseException as error:
            with suppress(NoScopeError):
                current_scope().record_failure(error)
            raise

    return tell


def _is_injected(dependant: Any) -> bool:
    """Whether it is behind an `Inject[T]`."""
    return dependant.name is not None and hasattr(dependant.call, "__lifescope_key__")


@functools.cache  # there are two
def _calling_ours(code: CodeType) -> CodeType:
    """*code*, which calls `_solve` by its name."""
    names = tuple(_OURS if name == _SOLVE else name for name in code.co_names)
    return code.replace(co_names=names)


def _find_handler(app: Any, dependant: Any) -> tuple[CellType, bool] | None:
    """Where FastAPI's handler for *dependant* is kept, and whether that is by FastAPI itself.

    Otherwise somebody has put a function around it.
    """
    holders = [app]
    for holder in holders:
        for cell, content in _cells(holder).values():
            if _is_handler_for(dependant, content):
                return cell, holder.__module__ == routing.__name__
            if isinstance(content, FunctionType) and len(holders) < _MOST:
                holders.append(content)
        if hasattr(holder, "app") and len(holders) < _MOST:  # middleware, maybe FastAPI's own
            holders.append(holder.app)
    return None


def _cells(function: Any) -> dict[str, tuple[CellType, Any]]:
    """What a function has from around it, by name; nothing if it is none."""
    found: dict[str, tuple[CellType, Any]] = {}
    if isinstance(function, FunctionType):
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            with suppress(ValueError):  # it is empty
                found[name] = cell, cell.cell_contents
    return found


def _is_handler_for(dependant: Any, content: Any) -> bool:
    """Whether it is the one of FastAPI's for *dependant*, and of the expected kind."""
    if not isinstance(content, FunctionType) or content.__module__ != routing.__name__:
        return False
    _, held = _cells(content).get("dependant", (None, None))
    is_one = content.__qualname__ in _HANDLERS and held is dependant
    return is_one and _SOLVE in content.__code__.co_names


def _can_be_fitted(dependant: Any) -> bool:
    """Whether there is nothing about FastAPI that looks different, or is somebody else's."""
    is_unchanged = vars(routing).get(_SOLVE) is _solve_dependencies is not None
    is_known = type(dependant) is _Dependant and "dependencies" in _fields(_Dependant)
    return is_unchanged and is_known and _fields(_Solved) == _OF_SOLVED and _HAS_STACKS


def _fields(dataclass: Any) -> tuple[str, ...]:
    """What a dataclass is made from; nothing if it is none."""
    known = dataclasses.fields(dataclass) if dataclasses.is_dataclass(dataclass) else ()
    return tuple(field.name for field in known if field.init)


def _mentions(code: CodeType | None, text: str) -> bool:
    """Whether *text* is a constant in a function, or in one that is defined inside of it."""
    if code is None:
        return False
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return text in code.co_consts or any(_mentions(each, text) for each in inner)


def _takes(function: Any, *names: str) -> bool:
    """Whether it is what `solve_dependencies` calls, with parameters of these names."""
    solve = getattr(_solve_dependencies, "__code__", None)
    is_called = callable(function) and function.__name__ in getattr(solve, "co_names", ())
    return is_called and tuple(inspect.signature(function).parameters) == names


_CAN_READ = _takes(_params_to_args, "fields", "received_params") and _takes(
    _body_to_args, "body_fields", "received_body", "embed_body_fields"
)

_HAS_STACKS = all(
    _mentions(getattr(vars(routing).get(each), "__code__", None), stack)
    for stack in (_STACK, _BODY_STACK)
    for each in ("request_response", "websocket_session")
)
