"""Scopes that are open although nobody should have one."""

import gc
from collections.abc import Collection, Iterator

from lifescope import Container, OpenScope
from lifescope._runtime.overlays import OverlayScope
from lifescope.errors import OpenScopesError

__all__ = ["assert_no_open_scopes"]


def assert_no_open_scopes(container: Container, *, besides: Collection[str] = ()) -> None:
    """Fail if a scope of *container* is open, and say where it was opened, or what it serves.

    At the end of a test, or of all: a scope that is open then was opened without `async with`,
    or by a task that nobody waits for. It looks at all objects of the process, in every thread,
    which takes some milliseconds; nothing is counted while scopes open and close.

    Args:
        container: Whose scopes.
        besides: The names of scopes that may be open; `["app"]` where tests share an app scope.

    Raises:
        OpenScopesError: An AssertionError, too.
    """
    order = container.graph.scopes
    scopes = [
        scope
        for scope in _open_scopes()
        if scope.container is container
        and not scope.closed
        and not isinstance(scope, OverlayScope)
        and scope.name not in besides
    ]
    if scopes:
        scopes.sort(key=lambda scope: order.rank(scope.name))
        raise OpenScopesError(scopes=[*map(_spell, scopes)])


def _open_scopes() -> Iterator[OpenScope]:
    for each in gc.get_objects():
        # isinstance() would ask a proxy for the class of what it stands for, which may be gone.
        if issubclass(type(each), OpenScope):
            yield each


def _spell(scope: OpenScope) -> str:
    if scope.opened_at is not None:
        return f'"{scope.name}", opened at {scope.opened_at}'
    if scope.connection is not None:
        served = scope.connection.asgi_scope
        return f'"{scope.name}", serving {served.get("method", "WebSocket")} {served.get("path")}'
    by = "the lifespan of container.asgi" if scope.parent is None else "something inside it"
    return f'"{scope.name}", opened by {by}'
