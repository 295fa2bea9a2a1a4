"""Observing: whoever listens hears of every acquisition and release.

Generated code calls what it finds under a name of its own. While somebody listens, there is
something else under these names, which does the same and tells of it; so nothing has to be
looked up, or asked, where nobody does.
"""

import logging
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from lifescope import errors
from lifescope._model.provider import Kind, Provider
from lifescope._plan.compile import Compiled
from lifescope._runtime import exits
from lifescope._runtime.threads import target_of
from lifescope._runtime.values import check_value

__all__ = ["Happening", "Listener", "Observers"]

Happening = Literal["acquired", "failed", "released", "release failed"]

Listener = Callable[[Happening, Provider, BaseException | None, BaseException | None], None]
"""Called with what has happened, to which provider; the error that it has raised; and for a
release, the error that it was told."""

_logger = logging.getLogger("lifescope")


class Observers:
    """Who listens to the scopes of one container, and the code that has to tell them."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._compiled: weakref.WeakSet[Compiled] = weakref.WeakSet()
        self._lock = threading.Lock()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell *listener* of all that is acquired from now on, and of the release of that.

        Returns:
            What ends this.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)
            self._aim_all()

        def end() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)
                self._aim_all()

        return end

    def target_of(self, provider: Provider) -> Callable[..., Any]:
        """What to call for *provider* now."""
        target = target_of(provider)
        if not self._listeners:
            return target
        called = _called_and_awaited if provider.kind is Kind.AWAIT else _called
        return partial(called, self, provider, target)

    def added(self, compiled: Compiled) -> None:
        """There is new code."""
        with self._lock:
            self._compiled.add(compiled)
            if self._listeners:
                self._aim(compiled)

    def _aim_all(self) -> None:
        for compiled in self._compiled:
            self._aim(compiled)

    def _aim(self, compiled: Compiled) -> None:
        for name, provider in compiled.targets.items():
            compiled.names[name] = self.target_of(provider)

    def tell(
        self,
        happening: Happening,
        provider: Provider,
        error: BaseException | None = None,
        told: BaseException | None = None,
    ) -> None:
        """Tell everybody; a listener that fails is none of the provider's business."""
        for listener in self._listeners:
            try:
                listener(happening, provider, error, told)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                _logger.exception("a listener has failed when %s was %s", provider, happening)


def _called(
    observers: Observers,
    provider: Provider,
    target: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    try:
        made = target(*args, **kwargs)
    except BaseException as error:
        observers.tell("failed", provider, error)
        raise
    if provider.kind.has_release:
        return _Entered(observers, provider, made)
    _made(observers, provider, made)
    return made


async def _called_and_awaited(
    observers: Observers,
    provider: Provider,
    target: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    try:
        made = await target(*args, **kwargs)
    except BaseException as error:
        observers.tell("failed", provider, error)
        raise
    _made(observers, provider, made)
    return made


def _made(observers: Observers, provider: Provider, value: object) -> None:
    try:
        check_value(provider, value)
    except errors.WrongValueError as error:  # whoever has called is about to find that out
        observers.tell("failed", provider, error)
    else:
        observers.tell("acquired", provider)


class _Entered:
    """A generator or context manager, in whatever way it is entered and left."""

    def __init__(self, observers: Observers, provider: Provider, made: Any) -> None:
        self._observers = observers
        self._provider = provider
        self._made = made

    def __enter__(self) -> Any:
        return self._enter(self._made.__enter__)

    def __next__(self) -> Any:
        return self._enter(self._made.__next__)

    async def __aenter__(self) -> Any:
        return await self._enter_async(self._made.__aenter__)

    async def __anext__(self) -> Any:
        return await self._enter_async(self._made.__anext__)

    def _enter(self, enter: Callable[[], Any]) -> Any:
        try:
            value = enter()
        except BaseException as error:
            self._has_failed(error)
            raise
        self._observers.tell("acquired", self._provider)
        return value

    async def _enter_async(self, enter: Callable[[], Any]) -> Any:
        try:
            value = await enter()
        except BaseException as error:
            self._has_failed(error)
            raise
        self._observers.tell("acquired", self._provider)
        return value

    def _has_failed(self, error: BaseException) -> None:
        if isinstance(error, StopIteration | StopAsyncIteration):
            error = errors.NoYieldError(provider=str(self._provider))
        self._observers.tell("failed", self._provider, error)

    async def leave_observed(self, outcome: BaseException | None) -> None:
        """Leave it as it would be left."""
        try:
            await exits.leave(self._provider, self._made, outcome)
        except BaseException as error:
            self._observers.tell("release failed", self._provider, error, outcome)
            raise
        self._observers.tell("released", self._provider, None, outcome)
