"""Context variables: which scope is current, and what start-up changed.

The rules for carrying start-up's changes into a request are those of the design's G6:
compared by identity, merged three ways, taken back at the end.
"""

import decimal
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from contextvars import Context, ContextVar, Token, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from lifescope import errors

if TYPE_CHECKING:
    from lifescope._runtime.scope import OpenScope

__all__ = [
    "Change",
    "apply",
    "changes",
    "current",
    "current_scope",
    "find_scope",
    "note_outside",
    "put",
    "snapshot",
    "unbind",
    "undo",
]

current: ContextVar["OpenScope"] = ContextVar("lifescope_current_scope")
"""The innermost open scope, of whichever container."""

_UNSET = object()


class Change(NamedTuple):
    """A context variable that was set: its value before (maybe unset), and after."""

    variable: ContextVar[Any]
    before: object
    after: object


def changes(
    before: Context, after: Context, exclude: Collection[ContextVar[Any]] = ()
) -> list[Change]:
    """What differs from *before* to *after*, by identity.

    Left out are the current scope, which is bound by hand; the decimal context, which is
    mutable and would be shared by all requests; and *exclude*.
    """
    return [
        Change(variable, before.get(variable, _UNSET), value)
        for variable, value in after.items()
        if before.get(variable, _UNSET) is not value
        and variable is not current
        and variable not in exclude
        and not isinstance(value, decimal.Context)
    ]


def apply(made: Iterable[Change]) -> list[Token[Any]]:
    """Set what was changed, except what this context has changed itself; tokens for `undo`."""
    tokens: list[Token[Any]] = []
    for variable, before, after in made:
        value = variable.get(_UNSET)
        if value is before or value is _UNSET:
            tokens.append(variable.set(after))
    return tokens


def put(made: Iterable[Change]) -> None:
    """Set what was changed, whatever is there."""
    for variable, _, after in made:
        variable.set(after)


def undo(tokens: Sequence[Token[Any]]) -> None:
    """Take back what `apply` set."""
    try:
        for token in reversed(tokens):
            token.var.reset(token)
    except ValueError:  # a coroutine may be closed from another context
        for token in reversed(tokens):
            with suppress(ValueError, RuntimeError):
                token.var.reset(token)


def unbind(token: Token["OpenScope"]) -> None:
    """Take back what `current.set` set."""
    try:
        current.reset(token)
    except ValueError:  # as above
        return


def snapshot() -> Context:
    """The context as it is now."""
    return copy_context()


def current_scope() -> "OpenScope":
    """The innermost scope that is open here, found through a context variable.

    Raises:
        NoScopeError: None is open.
        WrongLoopError: It is open in another event loop, and the context was copied.
    """
    return find_scope(None)


def find_scope(container: object | None, wanted: str = "") -> "OpenScope":
    """The innermost open scope here; of *container*, where that is not None.

    Raises:
        NoScopeError: None is open.
        WrongLoopError: It is open in another event loop, and the context was copied.
    """
    scope = current.get(None)
    while scope is not None:
        if container is None or scope.container is container:
            scope.check_loop(wanted)
            return scope
        scope = _around(scope)
    raise errors.NoScopeError(wanted=wanted)


def note_outside(scope: "OpenScope", other: "OpenScope | None") -> None:
    """Note that *other* was current when *scope* was opened, if it is another container's."""
    if other is not None and other.container is not scope.container and not other.closed:
        scope.outside = other


def _around(scope: "OpenScope") -> "OpenScope | None":
    """The scope of another container that was current when this one's were opened."""
    step: OpenScope | None = scope
    while step is not None and step.outside is None:
        step = step.parent
    return None if step is None else step.outside
