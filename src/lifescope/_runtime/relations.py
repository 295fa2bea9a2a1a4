"""The handles behind `Lazy`, `Factory`, `Current` and `Background`."""

from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyio import Lock

from lifescope._model.provider import Kind, Provider
from lifescope._model.scopes import TRANSIENT
from lifescope._runtime import binding
from lifescope._runtime.background import Spawner
from lifescope._runtime.closing import MISSING
from lifescope._runtime.scope import OpenScope, quick_get

if TYPE_CHECKING:
    from lifescope._runtime.engine import Engine

__all__ = ["private_scope_class", "relate"]


def relate(engine: "Engine", handle: Provider) -> Callable[[OpenScope], object]:
    """What makes the handle that *handle* stands for, given the scope in which it is asked for."""
    provider = handle.leads_to
    if handle.kind is Kind.BACKGROUND:
        return lambda scope: Spawner(engine, scope)
    if handle.kind is Kind.CURRENT:
        key = handle.parameters[0].key
        return lambda scope: _Current(scope.container, key if provider is not None else None)
    if handle.kind is Kind.FACTORY:
        return lambda scope: _Factory(engine, scope, provider)
    return lambda scope: _Lazy(scope, provider)


class _Lazy:
    def __init__(self, scope: OpenScope, provider: Provider | None) -> None:
        self._scope = scope
        self._provider = provider
        self._own: object = MISSING
        self._lock: Lock | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._get().__await__()

    async def _get(self) -> Any:
        if self._provider is None:
            return None
        if self._provider.scope != TRANSIENT:
            return await self._scope._acquire(self._provider)
        if self._scope.closed:
            raise self._scope.closed_error(str(self._provider.key))
        if self._own is MISSING:  # nobody but this handle keeps it
            self._lock = self._lock or Lock()
            async with self._lock:
                if self._own is MISSING:
                    self._own = await self._scope._acquire(self._provider)
        return self._own


class _Current:
    def __init__(self, container: object, key: Any) -> None:
        self._container = container
        self._key = key

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._get().__await__()

    async def _get(self) -> Any:
        if self._key is None:
            return None
        return await binding.find_scope(self._container, str(self._key)).get(self._key)


class _Factory:
    def __init__(self, engine: "Engine", scope: OpenScope, provider: Provider | None) -> None:
        self._engine = engine
        self._scope = scope
        self._provider = provider

    def __call__(self) -> "_Block":
        return _Block(self._engine, self._scope, self._provider)


class _Block:
    """One use of a factory: a scope of its own, which nobody else sees."""

    def __init__(self, engine: "Engine", scope: OpenScope, provider: Provider | None) -> None:
        self._engine = engine
        self._outer = scope
        self._provider = provider
        self._inner: OpenScope | None = None

    async def __aenter__(self) -> Any:
        if self._provider is None:
            return None
        if self._inner is not None:
            raise RuntimeError("a block of a factory is entered once; call the factory again")
        if self._outer.closed:
            raise self._outer.closed_error(f"a new {self._provider.key}")
        *_, app = self._outer.outwards()
        engine, provider, outer = app.maker_of(self._engine, self._provider, self._outer)
        self._inner = inner = engine.open_private(outer)
        try:
            return await engine.maker(outer.name, provider)(inner)
        except BaseException as error:
            await inner.close(error)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._inner is not None and not self._inner.close_at_once(error):
            await self._inner.close(error)


def private_scope_class(base: type[OpenScope]) -> type[OpenScope]:
    """The class of scopes for blocks of factories inside scopes of class *base*."""
    members: dict[str, Any] = {
        "name": base.name,
        "container": base.container,
        "_engine": base._engine,
        "_inside": base._inside,
        "_opening": base._opening,
        "_next_plain": base._next_plain,
        "get": quick_get,
        "_resolvers": {},
        "_resolvers_now": {},
    }
    return type("OpenScope", (OpenScope,), members)
