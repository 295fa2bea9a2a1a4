"""`@provider` and `supplied`: how users declare."""

import sys
import types
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, overload

from typing_extensions import TypeForm

from lifescope._model.names import Place, unwrap
from lifescope._model.provider import Declaration

__all__ = ["MARK", "known", "local_names", "provider", "supplied"]

MARK = "__lifescope_declaration__"
"""The attribute under which a marked function or class carries its Declaration."""

_F = TypeVar("_F", bound=Callable[..., Any])

_known: "weakref.WeakSet[Declaration]" = weakref.WeakSet()


@overload
def provider(
    *,
    scope: str,
    provides: Any = None,
    name: str | None = None,
    enter: bool | None = None,
    eager: bool | None = None,
    thread: bool = False,
    start_timeout: float | None = None,
    stop_timeout: float | None = None,
    replace: bool = False,
    decorate: bool = False,
    many: bool = False,
) -> Callable[[_F], _F]: ...
@overload
def provider(
    target: Callable[..., Any],
    /,
    *,
    scope: str,
    provides: Any = None,
    name: str | None = None,
    enter: bool | None = None,
    eager: bool | None = None,
    thread: bool = False,
    start_timeout: float | None = None,
    stop_timeout: float | None = None,
    replace: bool = False,
    decorate: bool = False,
    many: bool = False,
) -> Declaration: ...
def provider(
    target: Callable[..., Any] | None = None,
    /,
    *,
    scope: str,
    provides: Any = None,
    name: str | None = None,
    enter: bool | None = None,
    eager: bool | None = None,
    thread: bool = False,
    start_timeout: float | None = None,
    stop_timeout: float | None = None,
    replace: bool = False,
    decorate: bool = False,
    many: bool = False,
) -> Any:
    """Declare how one thing is made, and released.

    As a decorator it marks a function or class and returns it unchanged, so that it stays
    what it was: a test can call it. Called directly, `provider(httpx.AsyncClient, ...)`, it
    marks nothing and returns a record to pass to `Container`; for classes of other libraries.

    What is marked may be a class, a function, a coroutine function, a generator function or
    an async generator function with one `yield` (decorated with `@contextmanager` or
    `@asynccontextmanager`, or not). What comes after the `yield` is the release. Parameters
    are filled by their annotations.

    Args:
        target: The function or class, if this is not used as a decorator.
        scope: How long the object lives: `"app"`, `"request"`, `"call"`, a scope of your own,
            or `"transient"` for a new object for every parameter.
        provides: The key, or a tuple of keys, under which it is asked for; by default the
            annotation of what it returns or yields. Several keys share one object.
        name: Qualifies the key; `Annotated[T, Named(name)]` asks for it.
        enter: For a class, or a function's result, that is itself a context manager: enter it
            (True), or pass it on as it is (False).
        eager: Whether an app-scoped object is made when the app starts. By default it is made
            when a root starts, and on first use below `container.open()`.
        thread: For a sync provider that blocks: it is run in worker threads, the release as
            well (maybe in another one), in one context, and awaited meanwhile.
        start_timeout: Seconds that the acquisition may take; what exceeds it is cancelled,
            and raised as AcquisitionTimeoutError. By default any time.
        stop_timeout: Seconds that the release may take; what exceeds it is cancelled and
            reported as ReleaseTimeoutError. By default a release has 10 seconds once its task
            has been cancelled, and any time otherwise.
        replace: Takes the place of another provider of the same key.
        decorate: Wraps the provider of the same key, which it receives as a parameter.
            Several wrap in the order of declaration, the first one innermost.
        many: Contributes to `list[T]`, in the order of declaration, and is not T itself.

    Returns:
        The function or class itself; or, called directly, a record for `Container`.
    """
    frame = sys._getframe(1)
    called_at, is_called = Place(frame.f_code.co_filename, frame.f_lineno), target is not None

    def declare(target: Any) -> Declaration:
        place = _place(target, frame)
        return Declaration(
            target=target,
            scope=scope,
            provides=_forms(provides),
            name=name,
            enter=enter,
            eager=eager,
            thread=thread,
            start_timeout=start_timeout,
            stop_timeout=stop_timeout,
            replace=replace,
            decorate=decorate,
            many=many,
            place=place,
            said_at=called_at if is_called else place,
            local_names=local_names(target, frame),
        )

    if target is not None:
        _known.add(declaration := declare(target))
        return declaration

    def mark(target: Any) -> Any:
        declaration = declare(target)
        setattr(target, MARK, declaration)
        _known.add(declaration)
        return target

    return mark


def known() -> list[Declaration]:
    """Whatever was declared with `provider` in this program, in containers or not."""
    return list(_known)


def supplied(form: TypeForm[Any], /, *, scope: str, name: str | None = None) -> Declaration:
    """Declare a value that is handed in when a scope is opened.

    It is never released by the container: whoever hands it in owns it.

    Args:
        form: The key: a type form.
        scope: The scope that is opened with `open(values={form: value})`.
        name: Qualifies the key, as in `provider`.

    Returns:
        A record to pass to `Container`.
    """
    frame = sys._getframe(1)
    place = Place(frame.f_code.co_filename, frame.f_lineno)
    return Declaration(form, scope, (form,), name, supplied=True, place=place, said_at=place)


def _forms(provides: Any) -> tuple[Any, ...] | None:
    if provides is None:
        return None
    if not isinstance(provides, tuple):
        return (provides,)
    several: tuple[Any, ...] = provides  # pyright: ignore[reportUnknownVariableType]
    return several


def _place(target: Any, frame: types.FrameType) -> Place:
    code = getattr(unwrap(target), "__code__", None)
    if isinstance(code, types.CodeType):
        return Place(code.co_filename, code.co_firstlineno)
    return Place(frame.f_code.co_filename, frame.f_lineno)


def local_names(target: Any, frame: types.FrameType) -> dict[str, Any]:
    """The names around a target that is defined in a function.

    Annotations that are strings (PEP 563) may name classes of that function, which nothing
    else leads to. Nothing is kept for targets at module level.
    """
    if "<locals>" not in getattr(target, "__qualname__", ""):
        return {}
    return dict(frame.f_locals)
