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
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from lifescope._graph.share import beneath
from lifescope._model.provider import Provider
from lifescope._runtime import binding, closing, loops
from lifescope._runtime.closing import State
from lifescope._runtime.exits import report
from lifescope._runtime.running import Running
from lifescope._runtime.scope import NO_TASK, OpenScope

if TYPE_CHECKING:
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
        self.opened_at, self.outside = base.opened_at, base.outside
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

    def crash(self, provider: Provider) -> None:
        """A task that *provider* runs has failed: as anywhere in the app, that is its end."""
        self.base.crash(provider)


class Overlays:
    """The overlays above one app scope.

    Attributes:
        app: The app scope.
        listeners: Called when another one, or none, is in force for everybody.
    """

    def __init__(self, app: OpenScope) -> None:
        self.app = app
        self._for_all: list[tuple[object, OverlayScope]] = []
        self._local: dict[object, OverlayScope] = {}
        self._ending: list[OverlayScope] = []
        self._tasks: set[object] = set()
        self.listeners: list[Callable[[], None]] = []

    @property
    def has_local(self) -> bool:
        """Whether it depends on the context which one is in force."""
        return bool(self._local)

    def in_force(self) -> OpenScope:
        """The app scope in which others are opened now, from here."""
        if self._local:
            for layer in reversed(LOCAL.get()):
                overlay = self._local.get(layer)
                if overlay is not None:
                    return overlay
        return self.for_all()

    def for_all(self) -> OpenScope:
        """The same where no context counts."""
        return self._for_all[-1][1] if self._for_all else self.app

    def push(
        self, layer: object, make: Callable[[OpenScope], OverlayScope], *, local: bool
    ) -> None:
        """Put one in force that *make* makes above what is in force now."""
        if local:
            self._local[layer] = make(self.in_force())
        else:
            self._for_all.append((layer, make(self.for_all())))
        self._changed()

    def pop(
        self, layer: object, remake: Callable[[object, OpenScope], OverlayScope]
    ) -> list[OverlayScope]:
        """End that of *layer*; those above it are made again, above what is below it.

        Returns:
            What has to be closed, in that order.
        """
        if layer in self._local:
            ended = [self._local.pop(layer)]
        else:
            layers = [each for each, _ in self._for_all]
            if layer not in layers:
                return []
            position = layers.index(layer)
            above = self._for_all[position:]
            del self._for_all[position:]
            for other, _ in above[1:]:
                self._for_all.append((other, remake(other, self.for_all())))
            ended = [overlay for _, overlay in reversed(above)]
        self._ending += ended
        self._changed()
        return ended

    def _changed(self) -> None:
        is_alone = not self._for_all and not self._local
        self.app.__class__ = _plain(self.app) if is_alone else _redirecting(self.app)
        for listener in self.listeners:
            listener()

    # --- the end --------------------------------------------------------------------------

    async def close(self, ended: list[OverlayScope]) -> None:
        """Release what was made in *ended*.

        Raises what the releases raise.
        """
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
        left = [overlay for overlay in ended if not overlay.close_at_once(None)]
        for overlay in ended:
            if overlay not in left:
                self._ending.remove(overlay)
        if left:
            loops.call_in(self.app.loop, lambda: self._spawn(left))

    def _spawn(self, ended: list[OverlayScope]) -> None:
        async def close() -> None:
            try:
                await self.close(ended)
            except Exception as error:
                _logger.error("a release failed when its override had ended", exc_info=error)
            finally:
                self._tasks.discard(task)

        task = loops.spawn(close, binding.snapshot())
        self._tasks.add(task)

    async def close_all(self) -> list[BaseException]:
        """At the end of the app scope: what is still there, the innermost first."""
        rest = [*self._local.values(), *(overlay for _, overlay in reversed(self._for_all))]
        self._local.clear()
        self._for_all.clear()
        try:
            await self.close([*rest, *self._ending])
        except BaseException as error:
            return [error]
        return []


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

    async def get(self, key: Any) -> Any:
        target = _in_force(self)
        return await (super().get(key) if target is self else target.get(key))

    def get_nowait(self, key: Any) -> Any:
        target = _in_force(self)
        return super().get_nowait(key) if target is self else target.get_nowait(key)

    def open(self, name: str | None = None, *, values: Any = None) -> "Opening":
        target = _in_force(self)
        return target._engine.opening(target, name, values or {}, sys._getframe(1))

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
