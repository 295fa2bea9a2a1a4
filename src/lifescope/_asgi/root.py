"""Root: the ASGI app that `container.asgi` returns. It finds the lifespan of each connection."""

import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Token
from typing import Any
from weakref import ref

from lifescope import errors
from lifescope._asgi.checking import Findings, examine, with_graph
from lifescope._asgi.connections import Http, WebSocket
from lifescope._asgi.factories import AppFactory
from lifescope._asgi.host import Block, Host, Protocol
from lifescope._asgi.lifespan import Lifespan
from lifescope._asgi.live import Live
from lifescope._asgi.protocol import AsgiApp, AsgiScope, Receive, Send, refuse
from lifescope._asgi.settings import Settings
from lifescope._model.provider import Entry
from lifescope._model.scopes import CALL, REQUEST
from lifescope._runtime import binding, loops
from lifescope._runtime.binding import current
from lifescope._runtime.engine import Engine, InForce
from lifescope._runtime.startup import Startup

__all__ = ["Root"]


class Root:
    """The composition root: an ASGI app around the one that your app factory gives.

    `container.asgi(app_factory)` makes it. It holds nothing until a lifespan runs, so it can be
    a global of a module; each lifespan has an app scope of its own. Usually the server runs the
    lifespan. `lifespan` is for an outer app in which this one is mounted, `factory` for
    programs and for servers that accept an app as a context manager.

    Attributes:
        container: The container that made it.
    """

    def __init__(
        self,
        container: object,
        in_force: Callable[[], InForce],
        app_factory: Any,
        settings: Settings,
    ) -> None:
        self.container = container
        self._in_force = in_force
        self._factory = AppFactory(app_factory)
        self._settings = settings
        self._key = f"lifescope.root.{id(self)}"
        self._lives: dict[object, list[Live]] = {}
        self._hosts: dict[object, Host] = {}
        self._lock = threading.Lock()
        self._check(in_force().engine)

    def __repr__(self) -> str:
        return f"<container.asgi({self._factory.name})>"

    def _check(self, engine: Engine) -> None:
        """Find what would otherwise fail when the app starts."""
        scopes = engine.graph.scopes
        if REQUEST not in scopes:
            raise errors.UnknownScopeError(
                scope=REQUEST, known=scopes.names, name="container.asgi, which opens it per request"
            )
        place = self._settings.place
        engine.handed_in.check(scopes.widest, self._settings.values, place, by_root=True)
        for name in (*scopes.between(scopes.widest, REQUEST), *([CALL] if CALL in scopes else [])):
            # The root opens these, and has no values for them.
            engine.handed_in.check(name, {}, place, by_root=True)
        try:
            self._factory.check(engine)
        except errors.GraphError as error:
            raise with_graph(engine, error.problems) from None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection, or run the lifespan (ASGI 3)."""
        kind = scope["type"]
        state = scope.get("state")
        live: Live | None = state.get(self._key) if state is not None else None
        if live is None or not live.is_ready or (kind != "http" and kind != "websocket"):
            await self._serve_otherwise(kind, live, scope, receive, send)
            return
        # Every request goes through here, and nothing that could be found out before is found
        # out here. It is one function because each coroutine more costs a tenth of the whole;
        # benchmarks/request_path has the figures.
        task = live.current_task()
        if task is None:  # the server has handed on the state of another event loop
            live.scope.check_loop("a request scope")
        entrance = live.entrance or live.entrance_here()
        request = entrance.open(entrance.target, task)
        guard = None
        if entrance.needs_guard is not None:
            if entrance.needs_guard(task):
                guard = live.enter_guard(request)
        elif cancel_scopes := entrance.cancel_scopes:
            state = cancel_scopes.get(ref(task))
            if state is not None and state.cancel_scope is not None:
                guard = live.enter_guard(request)
        connection = (Http if kind == "http" else WebSocket)(scope, receive, send, task, guard)
        request.connection = connection
        tokens = binding.apply(live.changes) if live.changes else []
        bound = current.set(request)
        outside = bound.old_value
        if outside is not Token.MISSING and outside.container is not request.container:
            binding.note_outside(request, outside)
        running = entrance.running
        running.work[request] = connection
        try:
            await live.app(scope, connection.receive, connection.send)
        except BaseException as error:
            tokens += request.effects()
            if not await live.end_request(request, connection, error):
                raise
        else:
            if connection.is_plain and request.is_untouched:
                request.end_unused()
            elif not (connection.is_plain and live.has_ended_at_once(request)):
                tokens += request.effects()
                await live.end_request(request, connection, None)
        finally:
            running.work.pop(request, None)
            if running.is_awaited:
                running.ended()
            if tokens:
                binding.undo(tokens)
            try:  # noqa: SIM105  (what `unbind` does; each call counts here)
                current.reset(bound)
            except ValueError:
                pass

    async def _serve_otherwise(
        self, kind: str, live: Live | None, asgi_scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Serve what is not just a connection of a lifespan that runs and is known."""
        if kind == "lifespan":
            lifespan = self._lifespan(lambda live: None)
            try:
                await lifespan.run(asgi_scope, receive, send)
            finally:
                lifespan.exit_if_crashed()
        elif live is None:
            live = self._only_live() or await self._start_on_request()
            live.hand_on_state(asgi_scope)
            await self(asgi_scope, receive, send)
        elif kind not in ("http", "websocket"):
            await live.app(asgi_scope, receive, send)
        else:
            await refuse(asgi_scope, send)

    def check(self, *, strict: bool = False) -> None:
        """Check the app as it is checked when it starts, without starting it; for a test.

        No provider is called and no lifespan is run. The app factory is called if it is a plain
        function, or a class, that asks for nothing; otherwise the routes stay unchecked until
        the start. `lifescope check` does the same, and says what it could not look at.

        Args:
            strict: Providers that nothing asks for are problems, too. They are looked for where
                all entry points are known.

        Raises:
            GraphError: There are problems; it has all of them.
            Exception: What the app factory raises.
        """
        if (error := self.error_of(self.findings(), strict=strict)) is not None:
            raise error

    def entries(self) -> list[Entry]:
        """Who asks the container for something, for `lifescope.render`.

        `render.html(container.graph, entries=root.entries())`: the app factory and the endpoints
        of its app, read as `check` reads them.

        Raises:
            Exception: What the app factory raises.
        """
        return self.findings().entries

    def findings(self) -> Findings:
        """What `check` has found, for the command line."""
        return examine(self.engine, self._factory)

    def error_of(self, findings: Findings, *, strict: bool = False) -> errors.GraphError | None:
        """What `check` raises for *findings*; None if all is fine."""
        problems = [*findings.problems, *(findings.warnings if strict else ())]
        return with_graph(self.engine, problems) if problems else None

    @property
    def engine(self) -> Engine:
        """Of the container, as it is now."""
        return self._in_force().engine

    @property
    def startups(self) -> tuple[Startup, ...]:
        """How the lifespans that are running have started, as data: one each."""
        with self._lock:
            self._drop_closed_loops()
            return tuple(live.startup for lives in self._lives.values() for live in lives)

    def factory(self) -> AbstractAsyncContextManager[AsgiApp]:
        """The root as an async context manager that gives an app to serve.

        `async with root.factory() as app:` starts everything, as a server does, and stops it at
        the end of the block. The app needs no lifespan of its own any more. If the app crashes,
        the block is cancelled, and the error comes out.

        Raises:
            Exception: What the start, the stop or a crash raises, as itself.
        """
        return Block(self, lambda ready: self._lifespan(ready, to_caller=True).run)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncGenerator[Mapping[str, Any]]:
        """The lifespan, for an outer app in which the root is mounted.

        `Starlette(routes=[Mount("/api", root)], lifespan=root.lifespan)`; the same for FastAPI.
        What it gives is the state that the outer app hands on to requests.

        Raises:
            Exception: What the start, the stop or a crash raises, as itself.
        """
        lifespans: list[Lifespan] = []

        def make(ready: Callable[[Live], None]) -> Protocol:
            lifespans.append(self._lifespan(ready))
            return lifespans[0].run

        try:
            async with Block(self, make) as bound:
                yield dict(bound.state)
        finally:
            for each in lifespans:
                each.exit_if_crashed()

    # --- which lifespan -------------------------------------------------------------------

    def _only_live(self) -> Live | None:
        """The lifespan of this event loop, if there is one.

        Raises:
            LifespanNotRunError: There are several, or there is none and it is not to be started.
        """
        lives = self._lives.get(loops.loop_token(), [])
        if len(lives) == 1:
            return lives[0]
        if lives or not self._settings.start_on_request:
            raise errors.LifespanNotRunError(root=self._factory.name, running=len(lives))
        return None

    async def _start_on_request(self) -> Live:
        """Start it now. It ends with the event loop, if that ends in good order."""
        token = loops.loop_token()
        host = self._hosts.get(token)
        if host is None:
            host = Host(lambda ready: self._lifespan(ready).run, lambda: self._drop_host(token))
            self._hosts[token] = host
            host.spawn()
        return await host.ready()

    def _drop_host(self, token: object) -> None:
        self._hosts.pop(token, None)

    def _lifespan(self, ready: Callable[[Live], None], *, to_caller: bool = False) -> Lifespan:
        def is_ready(live: Live) -> None:
            live.key = self._key
            live.state[self._key] = live
            with self._lock:
                self._drop_closed_loops()
                self._lives.setdefault(live.loop, []).append(live)
            ready(live)

        return Lifespan(
            self._in_force,
            self._factory,
            self._settings,
            is_ready,
            self._forget,
            to_caller=to_caller,
        )

    def _forget(self, live: Live) -> None:
        live.state.pop(self._key, None)
        with self._lock:
            lives = self._lives.get(live.loop, [])
            if live in lives:
                lives.remove(live)
            if not lives:
                self._lives.pop(live.loop, None)

    def _drop_closed_loops(self) -> None:
        """Forget lifespans whose event loop was closed under them: they never end by themselves."""
        for entries in (self._lives, self._hosts):
            for token in [token for token in list(entries) if loops.is_closed(token)]:
                entries.pop(token, None)
