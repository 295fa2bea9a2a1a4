"""Overlays: an override of an app that is running (G13).

Above the open app scope stands another one, the overlay. It makes what the override affects,
and shares everything else with the one below. Scopes that are opened while the override is in
force are opened in the overlay; those that are open already stay where they are.

    request  request  request  |  request  request
    ----------- app ---------- | ----- overlay ---
                               |       app
"""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lifescope import errors
from lifescope._graph.share import beneath
from lifescope._model.provider import Kind, Provider
from lifescope._runtime import binding, closing, loops
from lifescope._runtime.closing import State
from lifescope._runtime.exits import report
from lifescope._runtime.running import Running
from lifescope._runtime.scope import NO_TASK, OpenScope

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine
    from lifescope._runtime.opening import Opening

__all__ = ["LOCAL", "OverlayScope", "Overlays", "overlays_of"]

_logger = logging.getLogger("lifescope")

LOCAL: ContextVar[tuple[object, ...]] = ContextVar("lifescope_local_overrides", default=())
"""The layers of the overrides that hold for the current context only; the innermost last."""


class OverlayScope(OpenScope):
    """An app scope above another one.

    Attributes:
        base: The one below; maybe an overlay, too.
    """

    def __init__(self, base: OpenScope) -> None:
        super().__init__(None, NO_TASK)
        self.base = base
        self.context = base.context.copy() if base.context is not None else binding.snapshot()
        self.running = Running()
        self.loop, self.token = base.loop, base.token
        self.here, self.cancel_scopes = base.here, base.cancel_scopes
        self.opened_by, self.outside = base.opened_by, base.outside
        self.is_failure, self.stop_timeout = base.is_failure, base.stop_timeout
        self._opener = base._opener

    async def _share(self, provider: Provider) -> Any:
        """What *provider* stands for, made below if it is not there yet."""
        base = self.base
        value = await base._acquire(beneath(provider, base._engine.graph))
        setattr(self, self._engine.slots[provider], value)
        return value

    def _share_now(self, provider: Provider) -> Any:
        base = self.base
        value = base._acquire_now(beneath(provider, base._engine.graph))
        setattr(self, self._engine.slots[provider], value)
        return value

    def maker_of(
        self, engine: "Engine", provider: Provider, asker: OpenScope
    ) -> "tuple[Engine, Provider, OpenScope]":
        base = self.base
        if provider.kind is not Kind.SHARED:
            return engine, provider, asker
        return base.maker_of(base._engine, beneath(provider, base._engine.graph), base)

    def crash(self, provider: Provider) -> None:
        """A task that *provider* runs has failed: as anywhere in the app, that is its end."""
        self.base.crash(provider)


Make = Callable[[Any, OpenScope], OverlayScope]
"""Makes an overlay for a layer, above an app scope."""


@dataclass(slots=True)
class _Local:
    """An overlay for one context.

    Attributes:
        below: The layer of that context that it is above; None if it is above all that are for
            everybody.
    """

    overlay: OverlayScope
    below: object | None


class Overlays:
    """The overlays above one app scope.

    Those for everybody are above each other, and those for one context above these.

    Attributes:
        app: The app scope.
        listeners: Called when another one, or none, is in force for everybody.
    """

    def __init__(self, app: OpenScope) -> None:
        self.app = app
        self._for_all: list[tuple[object, OverlayScope]] = []
        self._local: dict[object, _Local] = {}
        self._ending: list[OverlayScope] = []
        self._tasks: set[object] = set()
        self.listeners: list[Callable[[], None]] = []

    @property
    def has_crashed(self) -> bool:
        """Whether a task of a provider has failed, in the app scope or above it."""
        return self.app.crashed is not None

    @property
    def has_local(self) -> bool:
        """Whether it depends on the context which one is in force."""
        return bool(self._local)

    def in_force(self) -> OpenScope:
        """The app scope in which others are opened now, from here."""
        if self._local:
            local = self._local.get(self._innermost())
            if local is not None:
                return local.overlay
        return self.for_all()

    def _innermost(self) -> object | None:
        """The innermost layer of this context that is in force here."""
        return next((layer for layer in reversed(LOCAL.get()) if layer in self._local), None)

    def for_all(self) -> OpenScope:
        """The same where no context counts."""
        return self._for_all[-1][1] if self._for_all else self.app

    def running(self) -> list[Running]:
        """The work in the app scope, and in all that is or was above it."""
        scopes = [self.app, *self._all(), *self._ending]
        return [scope.running for scope in scopes if scope._state is State.OPEN]

    def _all(self) -> list[OverlayScope]:
        for_all = [overlay for _, overlay in self._for_all]
        return [*for_all, *(local.overlay for local in self._local.values())]

    def push(self, layer: object, make: Make, *, local: bool) -> list[OverlayScope]:
        """Put one in force for *layer*, above what is in force now.

        Those for one context are made again above one for everybody.

        Returns:
            What has to be closed, in that order.
        """
        ended: list[OverlayScope] = []
        if local:
            below = self._innermost()
            self._local[layer] = _Local(make(layer, self.in_force()), below)
        else:
            self._for_all.append((layer, make(layer, self.for_all())))
            ended = self._remake_local([*self._local], make)
        self._changed()
        return ended

    def pop(self, layer: object, make: Make) -> list[OverlayScope]:
        """End that of *layer*; those above it are made again, above what is below it.

        Returns:
            What has to be closed, in that order.
        """
        layers = [each for each, _ in self._for_all]
        if layer in self._local:
            ended = self._pop_local(layer, make)
        elif layer in layers:
            ended = self._pop_for_all(layers.index(layer), make)
        else:
            return []
        self._changed()
        return ended

    def _pop_for_all(self, position: int, make: Make) -> list[OverlayScope]:
        ending = self._for_all[position:]
        del self._for_all[position:]
        ended = [overlay for _, overlay in reversed(ending)]
        self._ending += ended
        for layer, _ in ending[1:]:
            if (overlay := _made_again(make, layer, self.for_all())) is not None:
                self._for_all.append((layer, overlay))
        return [*self._remake_local([*self._local], make), *ended]

    def _pop_local(self, layer: object, make: Make) -> list[OverlayScope]:
        popped = self._local.pop(layer)
        self._ending.append(popped.overlay)
        above = [layer]
        for other, local in self._local.items():
            if local.below in above:
                above.append(other)
            if local.below is layer:
                local.below = popped.below
        return [*self._remake_local(above[1:], make), popped.overlay]

    def _remake_local(self, layers: list[object], make: Make) -> list[OverlayScope]:
        """Make those of *layers* again, each after the one that it is above."""
        ended = [self._local[layer].overlay for layer in reversed(layers)]
        self._ending += ended
        for layer in layers:
            local = self._local[layer]
            below = self._local.get(local.below)
            overlay = _made_again(make, layer, self.for_all() if below is None else below.overlay)
            if overlay is None:
                del self._local[layer]
            else:
                local.overlay = overlay
        return ended

    def _changed(self) -> None:
        is_alone = not self._for_all and not self._local
        self.app.__class__ = _plain(self.app) if is_alone else _redirecting(self.app)
        for listener in self.listeners:
            listener()

    # --- the end --------------------------------------------------------------------------

    async def close(self, ended: list[OverlayScope]) -> None:
        """Release what was made in *ended*, in the app's event loop, and wait for that.

        Raises what the releases raise.
        """
        loop = self.app.loop
        if loops.loop_token() is loop:
            await self._close(ended)
        elif loops.is_running(loop):
            await loops.run_in(loop, partial(self._close, ended))
        else:
            self.close_soon(ended)

    async def _close(self, ended: list[OverlayScope]) -> None:
        failures: list[BaseException] = []
        for overlay in ended:
            try:
                await closing.close(overlay, None)
            except BaseException as error:
                failures.append(error)
            if overlay in self._ending:
                self._ending.remove(overlay)
        if (failed := report(failures, None)) is not None:
            raise failed

    def close_soon(self, ended: list[OverlayScope]) -> None:
        """The same where nobody can wait for it: in the app's event loop, as soon as it can."""
        if loops.loop_token() is self.app.loop:
            self._close_soon_here(ended)
            return
        with suppress(RuntimeError):  # the event loop has ended, and nobody closes anything in it
            loops.call_in(self.app.loop, partial(self._close_soon_here, ended))

    def _close_soon_here(self, ended: list[OverlayScope]) -> None:
        left = [overlay for overlay in ended if not overlay.close_at_once(None)]
        for overlay in ended:
            if overlay not in left and overlay in self._ending:
                self._ending.remove(overlay)
        if left:
            self._spawn(left)

    def _spawn(self, ended: list[OverlayScope]) -> None:
        async def close() -> None:
            try:
                await self._close(ended)
            except Exception as error:
                _logger.error("a release failed when its override had ended", exc_info=error)
            finally:
                self._tasks.discard(task)

        task = loops.spawn(close, binding.snapshot())
        self._tasks.add(task)

    async def close_all(self) -> list[BaseException]:
        """At the end of the app scope: what is still there, the innermost first."""
        rest = self._all()[::-1]
        self._local.clear()
        self._for_all.clear()
        try:
            await self._close([*rest, *self._ending])
        except BaseException as error:
            return [error]
        return []


def _made_again(make: Make, layer: object, base: OpenScope) -> OverlayScope | None:
    """An overlay for *layer* above *base*; None where it does not fit without what has ended."""
    try:
        return make(layer, base)
    except errors.GraphError as error:
        _logger.error("an override does not fit without one that has ended", exc_info=error)
        return None


def overlays_of(app: OpenScope) -> Overlays:
    """The overlays above *app*, an app scope."""
    if app.overlays is None:
        app.overlays = Overlays(app)
    return app.overlays


class _Redirecting(OpenScope):
    """An app scope above which there are overlays: what it is asked for, they are asked for.

    An open app scope becomes one, and is itself again afterwards. So nothing has to be looked
    up where there is no override, which is everywhere but in tests.
    """

    def in_force(self) -> OpenScope:
        return _in_force(self)

    def narrower_for(self, key: Any) -> str | None:
        target = _in_force(self)
        return super().narrower_for(key) if target is self else target.narrower_for(key)

    async def get(self, key: Any) -> Any:
        target = _in_force(self)
        return await (super().get(key) if target is self else target.get(key))

    def get_nowait(self, key: Any) -> Any:
        target = _in_force(self)
        return super().get_nowait(key) if target is self else target.get_nowait(key)

    def open(self, name: str | None = None, *, values: Any = None) -> "Opening":
        target = _in_force(self)
        opening = OpenScope.open(target, name, values=values)
        opening.is_written_in(sys._getframe(1))
        return opening

    async def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        target = _in_force(self)
        if target is self:
            return await super().call(fn, *args, **kwargs)
        return await target.call(fn, *args, **kwargs)


def _in_force(app: OpenScope) -> OpenScope:
    overlays = app.overlays
    return app if overlays is None or app._state is not State.OPEN else overlays.in_force()


def _redirecting(app: OpenScope) -> type[OpenScope]:
    cls: Any = type(app)
    if not issubclass(cls, _Redirecting):
        if "redirecting" not in vars(cls):
            cls.redirecting = type("OpenScope", (_Redirecting, cls), {})
        cls = cls.redirecting
    return cast("type[OpenScope]", cls)


def _plain(app: OpenScope) -> type[OpenScope]:
    cls = type(app)
    return cast("type[OpenScope]", cls.__bases__[1]) if issubclass(cls, _Redirecting) else cls
