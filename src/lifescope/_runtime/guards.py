"""Guards: cancel scopes around the providers of an open scope, shielded while it closes.

On trio, and below a cancel scope of anyio, a cancellation is not an event but a state. A
shield keeps it off, but it has to lie below the cancel scopes that the providers themselves
hold, and these are left in the order in which they were entered. So the root enters one before
the first provider of a request, just in case; and on trio every scope does.

What is opened by hand on asyncio may be left in another order, or in another task. There the
guard is entered when the scope closes, unless a provider holds a cancel scope by then.
Where no cancel scope of anyio is around, asyncio needs none at all: see `shield.py`.
"""

from anyio import CancelScope

from lifescope._runtime import loops

__all__ = ["enter", "enter_early", "enter_late", "leave"]


def enter_early(task: object) -> CancelScope | None:
    """A guard around the further work of *task*, which runs; None where nothing calls for one."""
    return enter() if loops.is_trio() or loops.cancel_scope_around(task) is not None else None


def enter_late(level: object) -> CancelScope | None:
    """A guard around the releases; None where there is nothing to guard against, or no way to.

    Args:
        level: The cancel scope that was around the task when the scope was opened.
    """
    if (
        level is None
        or loops.is_trio()
        or loops.cancel_scope_around(loops.current_task()) is not level
    ):
        return None
    return enter()


def enter() -> CancelScope:
    """A guard around the further work of the task that runs."""
    guard = CancelScope()
    guard.__enter__()
    return guard


def leave(guard: CancelScope) -> None:
    """Leave it, in the task that has entered it."""
    guard.__exit__(None, None, None)
