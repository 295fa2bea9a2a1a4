"""The composition root: the ASGI lifespan, and a request scope for each connection.

Rules and their sources: the ASGI specification (lifespan, `scope["state"]`), and the design's
G6, G7, G9 and G12. Here `asgi_scope` is ASGI's dict; `scope` is always an open scope of ours.
"""

import inspect
import threading
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

from lifescope import errors
from lifescope._declare.signatures import by_name, called_function, read_entry
from lifescope._model.names import spell_callable
from lifescope._model.scopes import CALL, REQUEST
from lifescope._runtime import binding, guards, loops
from lifescope._runtime.engine import Engine
from lifescope._runtime.filling import Filler
from lifescope._runtime.opening import Opening
from lifescope._runtime.scope import OpenScope

__all__ = ["Root"]

AsgiScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]


class _Live:
    """One running lifespan of a root: the app that it yielded, and its app scope."""

    def __init__(self, app: AsgiApp, scope: OpenScope, state: dict[str, Any]) -> None:
        self.app = app
        self.scope = scope
        self.engine = scope._engine
        self.state = state
        self.changes: list[binding.Change] = []


class Root:
    """The composition root: an ASGI app around the one that your app factory gives.

    `container.asgi(app_factory)` makes it. It holds nothing until a server runs its lifespan,
    so it can be a global of a module; each lifespan has an app scope of its own.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        app_factory: Any,
        *,
        values: Mapping[Any, Any],
        exclude: Collection[ContextVar[Any]],
    ) -> None:
        self._engine = engine
        self._app_factory = app_factory
        self._values = dict(values)
        self._exclude = frozenset(exclude)
        self._name = _spell_factory(app_factory)
        self._key = f"lifescope.root.{id(self)}"
        self._lives: dict[object, list[_Live]] = {}
        self._lock = threading.Lock()
        self._check(engine())

    def __repr__(self) -> str:
        return f"<container.asgi({self._name})>"

    def _check(self, engine: Engine) -> None:
        """Find what would otherwise fail when the app starts."""
        scopes = engine.graph.scopes
        if REQUEST not in scopes:
            raise errors.UnknownScopeError(
                scope=REQUEST, known=scopes.names, name="container.asgi, which opens it per request"
            )
        engine.handed_in.check(scopes.widest, self._values)
        for name in (*scopes.between(scopes.widest, REQUEST), *([CALL] if CALL in scopes else [])):
            engine.handed_in.check(name, {})  # the root opens these, and has no values for them
        if not _is_asgi_app(self._app_factory):
            engine.check_factory(read_entry(self._app_factory, marked=False))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection, or run the lifespan (ASGI 3)."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        live = self._live_for(scope)
        if kind in ("http", "websocket"):
            await self._serve(live, scope, receive, send)
        else:
            await live.app(scope, receive, send)

    # --- a connection ---------------------------------------------------------------------

    async def _serve(
        self, live: _Live, asgi_scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Run the app in a context that descends from the lifespan's, with a request scope."""
        client = _Client(receive, send) if asgi_scope["type"] == "http" else None
        if client is not None:
            receive, send = client.receive, client.send
        scope = live.engine.open_request(live.scope, (asgi_scope, receive, send))
        tokens = binding.apply(live.changes)
        tokens.append(binding.current.set(scope))
        try:
            await live.app(asgi_scope, receive, send)
        except BaseException as error:
            tokens += scope.effects()
            await _close(scope, live.scope, error)
            raise
        else:
            if client is not None and client.is_gone and scope.failure is None:
                scope.record_failure(errors.ClientDisconnectedError())
            tokens += scope.effects()
            await _close(scope, live.scope, None)
        finally:
            binding.undo(tokens)

    def _live_for(self, asgi_scope: AsgiScope) -> _Live:
        """The lifespan that a connection belongs to: by the state, else by the event loop."""
        state = asgi_scope.get("state")
        live: _Live | None = state.get(self._key) if state is not None else None
        if live is None:
            running = self._lives.get(loops.loop_token(), [])
            if len(running) != 1:
                raise errors.LifespanNotRunError(root=self._name, running=len(running))
            live = running[0]
            for name, value in live.state.items():
                asgi_scope.setdefault("state", {}).setdefault(name, value)
        if live.scope.closed:
            raise live.scope.closed_error("a request")
        return live

    # --- the lifespan ---------------------------------------------------------------------

    async def _lifespan(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Open the app scope, make the app, run its own lifespan inside, and close again."""
        before = binding.snapshot()
        await receive()  # lifespan.startup
        state: dict[str, Any] = asgi_scope.setdefault("state", {})
        inner = _InnerLifespan(receive, send)
        try:
            async with self._running(state) as live:

                def started() -> None:
                    live.changes = binding.changes(before, binding.snapshot(), self._exclude)
                    self._register(live, state)

                try:
                    await inner.run(live.app, asgi_scope, started)
                finally:
                    self._unregister(live, state)
        except BaseException as error:
            if isinstance(error, Exception):
                await send(inner.failed(error))
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _running(self, state: dict[str, Any]) -> AsyncGenerator[_Live]:
        """The app scope with everything that starts with the app, and the app."""
        engine = self._engine()
        opening = Opening(
            lambda: engine,
            None,
            None,
            self._values,
            eager=lambda engine: engine.eager_providers(unless_told=True),
        )
        async with opening as scope:
            scope._guard = scope._guard or guards.enter_early()
            async with self._app(engine, scope) as app:
                yield _Live(app, scope, state)

    @asynccontextmanager
    async def _app(self, engine: Engine, scope: OpenScope) -> AsyncGenerator[AsgiApp]:
        """The app that the factory gives, entered if it is given by a context manager."""
        factory: Any = self._app_factory
        if _is_asgi_app(factory):
            yield factory
            return
        if inspect.isasyncgenfunction(factory):
            factory = asynccontextmanager(factory)
        filler = Filler(engine, read_entry(factory, marked=False))
        made: Any = by_name(factory)(**await filler.fill(scope))
        if inspect.isawaitable(made):
            made = await made
        if not hasattr(made, "__aenter__"):
            yield made
            return
        async with made as entered:
            # An app that is its own context manager may well return nothing from __aenter__.
            yield cast("AsgiApp", entered) if callable(entered) else made

    def _register(self, live: _Live, state: dict[str, Any]) -> None:
        state[self._key] = live
        with self._lock:
            self._lives.setdefault(loops.loop_token(), []).append(live)

    def _unregister(self, live: _Live, state: dict[str, Any]) -> None:
        state.pop(self._key, None)
        token = loops.loop_token()
        with self._lock:
            lives = self._lives.get(token, [])
            if live in lives:
                lives.remove(live)
            if not lives:
                self._lives.pop(token, None)


async def _close(scope: OpenScope, app: OpenScope, error: BaseException | None) -> None:
    """Close the request scope, and any of the user's own between it and the app scope."""
    parent = scope.parent
    if parent is not None and parent is not app and scope.failure is not None:
        parent.record_failure(scope.failure)
    try:
        if not scope.close_at_once():
            await scope.close(error)
    except BaseException as failure:
        if parent is not None and parent is not app:
            await _close(parent, app, error or failure)
        raise
    if parent is not None and parent is not app:
        await _close(parent, app, error)


_BODIES = ("http.response.body", "http.response.pathsend")


class _Client:
    """Notices that the client of an HTTP request has gone before it had the whole response.

    Frameworks then cancel a streaming body and return as if all were well; providers are told.
    """

    __slots__ = ("_has_all", "_receive", "_send", "is_gone")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._has_all = False
        self.is_gone = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._has_all:
            self.is_gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] in _BODIES and not message.get("more_body", False):
            self._has_all = True
        await self._send(message)


class _InnerLifespan:
    """The inner app's own lifespan, run in the same task and context as ours.

    What it sets at start-up flows into requests like what providers set (G6), and a task group
    in it is entered and left in one task.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._outer_receive = receive
        self._outer_send = send
        self._asked = False
        self._started: Callable[[], None]
        self.is_started = False
        self._is_told_to_stop = False
        self._failure: Message | None = None

    async def run(self, app: AsgiApp, asgi_scope: AsgiScope, started: Callable[[], None]) -> None:
        """Run until the server says `lifespan.shutdown`, and the app has shut down."""
        self._started = started
        try:
            await app(asgi_scope, self._receive, self._send)
        except Exception:
            if self._asked:
                raise
            # The ASGI specification's way to say "no lifespan here": an error before receive().
        if self._failure is not None:
            raise RuntimeError(f"the app's own lifespan failed: {self._failure.get('message', '')}")
        if not self.is_started:
            await self._complete()
        if not self._is_told_to_stop:
            await self._outer_receive()  # lifespan.shutdown

    def failed(self, error: Exception) -> Message:
        """What to tell the server about *error*."""
        if self._failure is not None:
            return self._failure
        phase = "shutdown" if self.is_started else "startup"
        report = "".join(traceback.format_exception(error))
        return {"type": f"lifespan.{phase}.failed", "message": report}

    async def _complete(self) -> None:
        self._started()
        self.is_started = True
        await self._outer_send({"type": "lifespan.startup.complete"})

    async def _receive(self) -> Message:
        if self._asked:
            message = await self._outer_receive()
            self._is_told_to_stop = True
            return message
        self._asked = True
        return {"type": "lifespan.startup"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            await self._complete()
        elif message["type"].endswith(".failed"):
            self._failure = message  # told to the server after everything has been released


def _is_asgi_app(factory: Any) -> bool:
    """An app rather than something that gives one: `async def` (scope, receive, send)."""
    if isinstance(factory, type):
        return False
    if not callable(factory):
        return False
    parameters = [p for name, p in inspect.signature(factory).parameters.items() if name != "self"]
    if [parameter.name for parameter in parameters] == ["scope", "receive", "send"]:
        return True
    is_async = inspect.iscoroutinefunction(called_function(factory))
    return is_async and len(parameters) == 3 and all(_could_be_asgi(p) for p in parameters)


def _could_be_asgi(parameter: inspect.Parameter) -> bool:
    return parameter.name in ("scope", "receive", "send") or (
        parameter.annotation is inspect.Parameter.empty
        and parameter.default is inspect.Parameter.empty
    )


def _spell_factory(factory: Any) -> str:
    spelled = spell_callable(factory) if callable(factory) else repr(factory)
    return spelled.removesuffix("()")
