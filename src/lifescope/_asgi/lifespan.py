"""One run of the lifespan protocol: start, wait, stop; and what happens after a crash.

Sources: the ASGI specification (lifespan protocol 2.0), and the guarantees G6 to G9. What
servers make of each message is told in docs/explanation/lifespan.md.
"""

import inspect
import logging
import math
import traceback
from collections.abc import Callable
from contextvars import Context

from anyio import CancelScope, current_time
from anyio.lowlevel import checkpoint_if_cancelled

from lifescope import errors
from lifescope._asgi import stopping
from lifescope._asgi.checking import check_routes
from lifescope._asgi.endpoints import bound_endpoints
from lifescope._asgi.factories import AppFactory
from lifescope._asgi.inner import InnerLifespan
from lifescope._asgi.live import Live, Phase
from lifescope._asgi.protocol import AsgiScope, Message, Receive, Send, until_shutdown
from lifescope._asgi.settings import Settings
from lifescope._model.provider import Provider
from lifescope._runtime import binding, guards, loops
from lifescope._runtime.engine import Engine, InForce
from lifescope._runtime.opening import AppOpening
from lifescope._runtime.shield import finish, stood_at
from lifescope._runtime.starting import say_progress, start
from lifescope._runtime.startup import Startup

__all__ = ["Lifespan"]

_logger = logging.getLogger("lifescope")


class Lifespan:
    """One run of the lifespan protocol, in the server's task.

    Args:
        in_force: Says what the app scope is opened with, when it is.
        factory: Gives the app.
        settings: What the user has said.
        ready: Called when requests can be served.
        ended: Called when it is over.
        to_caller: Whoever runs it deals with a crash; no server is asked to stop.
    """

    def __init__(
        self,
        in_force: Callable[[], InForce],
        factory: AppFactory,
        settings: Settings,
        ready: Callable[[Live], None],
        ended: Callable[[Live], None],
        *,
        to_caller: bool = False,
    ) -> None:
        self._in_force = in_force
        self._engine: Engine
        self._factory = factory
        self._settings = settings
        self._ready = ready
        self._ended = ended
        self._to_caller = to_caller
        self._startup = Startup()
        self._live: Live | None = None
        self._inner: InnerLifespan | None = None
        self._is_told_to_stop = False
        self._waiting: CancelScope | None = None
        self._stop: stopping.Stop | None = None
        self._exit_code = 0
        self._crash: errors.CrashError | None = None
        self._stood_at = ""
        self._cut_short: BaseException | None = None
        # Around everything: ends a start, and the end of the app, that take too long.
        self._limit = CancelScope()
        self._receive: Receive
        self._send: Send
        self._end_progress: Callable[[], None]

    async def run(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Run it, from `lifespan.startup` to the answer to `lifespan.shutdown`."""
        self._receive, self._send = receive, send
        if self._to_caller:
            stopping.is_told_by_error.set(True)
        before = binding.snapshot()
        await receive()  # lifespan.startup
        try:
            try:
                await self._live_on(asgi_scope, before)
            except BaseException as error:
                if not (loops.is_cancellation(error) or isinstance(error, GeneratorExit)):
                    await self._fail(error)
                raise
            if not self._is_told_to_stop and not self._to_caller:
                await self._until_server_stops(None)  # the factory has dealt with the crash
            await send(self._goodbye())
        finally:
            if self._live is not None:
                self._live.phase = Phase.STOPPED
                self._ended(self._live)

    def exit_if_crashed(self) -> None:
        """Have the process end with an exit code, where a crash calls for it.

        That is when the task that calls this, the server's lifespan task, has ended.
        """
        if self._stop is not None:
            self._stop.exit_after_task(self._exit_code)

    # --- start ----------------------------------------------------------------------------

    async def _live_on(self, asgi_scope: AsgiScope, before: Context) -> None:
        """Start, wait until the app is to stop, and release everything."""
        if self._settings.start_timeout is not None:
            self._limit.deadline = current_time() + self._settings.start_timeout
        try:
            with self._limit:
                await self._in_app_scope(asgi_scope, before)
        except Exception as error:
            late = self._too_late(error) if self._limit.cancel_called else error
            if late is error:
                raise
            raise late from error
        if self._limit.cancelled_caught:
            raise self._too_late(None)

    async def _in_app_scope(self, asgi_scope: AsgiScope, before: Context) -> None:
        settings = self._settings
        async with AppOpening(self._in_force, settings.values) as scope:
            engine = self._engine = scope._engine
            scope._guard = scope._guard or guards.enter_early(loops.current_task())
            scope.is_plain = False
            scope.on_crash = self._crashed
            scope.stop_timeout = settings.stop_timeout
            scope.is_failure = settings.is_failure
            live = self._live = Live(scope, asgi_scope.setdefault("state", {}), self._startup)

            async def started() -> None:
                await self._has_started(live, before)

            self._inner = InnerLifespan(started, self._until_stop)
            self._end_progress = say_progress(self._startup)
            try:
                await self._start(self._factory.needs(engine))
                async with self._factory.open(engine, scope) as live.app:
                    await self._start(check_routes(engine, live.app))
                    await self._run_inner(live, asgi_scope)
            except BaseException as error:
                self._start_is_over()  # the report is not about the roll-back
                if self._limit.cancel_called:
                    self._stood_at = stood_at(error)
                    self._cut_short = error
                raise
            finally:
                self._limit.deadline = math.inf  # releases have limits of their own

    async def _run_inner(self, live: Live, asgi_scope: AsgiScope) -> None:
        assert self._inner is not None
        try:
            await self._inner.run(live.app, asgi_scope)
        except BaseException:
            if live.phase is Phase.READY:  # it did not even wait for the end
                await self._interrupted(live)
            raise

    async def _start(self, roots: list[Provider]) -> None:
        assert self._live is not None
        scope = self._live.scope
        eager = self._engine.eager_providers(roots)
        providers = [provider for provider in eager if not self._startup.includes(provider)]
        await start(scope, providers, self._startup, together=self._settings.concurrent_start)

    async def _has_started(self, live: Live, before: Context) -> None:
        await checkpoint_if_cancelled()  # too late, or something has crashed: see `_limit`
        self._limit.deadline = math.inf
        self._start_is_over()
        bound_endpoints(live.app)
        live.changes = binding.changes(before, binding.snapshot(), self._settings.exclude)
        live.phase = Phase.READY
        self._ready(live)
        _logger.info("started: %s", str(self._startup))
        await self._send({"type": "lifespan.startup.complete"})

    def _start_is_over(self) -> None:
        self._end_progress()
        self._startup.is_over()

    # --- stop -----------------------------------------------------------------------------

    async def _until_stop(self) -> None:
        """Wait until the server says so, or something crashes; then see the requests off."""
        live = self._live
        assert live is not None
        try:
            with CancelScope() as self._waiting:
                if live.scope.crashed is None:
                    await until_shutdown(self._receive)
                    self._is_told_to_stop = True
        except GeneratorExit:  # the program has ended without asking
            raise
        except BaseException:  # cancelled: by the server, or by a task group around us
            await self._interrupted(live)
            raise
        has_crashed = not self._is_told_to_stop
        live.phase = Phase.CRASHED if has_crashed else Phase.STOPPING
        settings = self._settings
        try:
            await live.end_work(settings.crash_timeout if has_crashed else settings.drain_timeout)
        finally:
            self._limit_the_end()

    async def _interrupted(self, live: Live) -> None:
        """See the requests off before whoever is being interrupted goes on."""
        live.phase = Phase.CRASHED
        await finish(live.end_work(self._settings.crash_timeout))
        self._limit_the_end()

    def _limit_the_end(self) -> None:
        """From now on the app's own lifespan, and the factory, have so long to end."""
        self._limit.deadline = current_time() + self._settings.stop_timeout

    def _crashed(self) -> None:
        """A task that an app-scoped provider runs has failed."""
        live = self._live
        assert live is not None
        self._crash = live.scope.crashed  # the scope forgets it when it is closed
        if live.phase is Phase.STARTING:
            self._limit.cancel()
        elif live.phase is Phase.READY:
            live.phase = Phase.CRASHED
            if self._waiting is not None:
                self._waiting.cancel()
        else:
            live.cancel_work()

    # --- failures -------------------------------------------------------------------------

    @property
    def _was_ready(self) -> bool:
        return self._live is not None and self._live.phase is not Phase.STARTING

    def _too_late(self, error: Exception | None) -> Exception:
        """What to raise when the limit was over, and *error* came of it."""
        if not self._was_ready and self._crash is not None:  # that has cancelled it
            return error or self._crash
        if not self._was_ready:
            return errors.StartTimeoutError(
                seconds=self._settings.start_timeout or 0.0,
                report=str(self._startup) if self._startup.steps else "",
                stood_at=None if self._startup.is_at_providers else self._stood_at,
            )
        late = errors.ReleaseTimeoutError(
            provider=f"the app of {self._factory.name}",
            seconds=self._settings.stop_timeout,
            stood_at=self._stood_at,
        )
        for note in getattr(self._cut_short, "__notes__", ()):  # about releases that failed, too
            late.add_note(note)
        if error is None or self._is_told_to_stop:
            return late
        error.add_note(f"lifescope: after the crash, {late.describe(brief=True)}")
        return error

    async def _fail(self, error: BaseException) -> None:
        """Tell the server about *error*, and after a crash have it stop."""
        if not self._was_ready:
            error.add_note(f"lifescope: start-up of {self._factory.name}: {self._startup}")
            await self._send(self._failed("startup", error))
            return
        is_ending = loops.is_being_cancelled() or isinstance(error, SystemExit | KeyboardInterrupt)
        has_crashed = not self._is_told_to_stop and not is_ending
        if has_crashed and self._to_caller:
            await self._tell_user(error)
        elif has_crashed:
            self._exit_code = 1
            _logger.critical("the app has crashed and does not serve any more", exc_info=error)
            await self._until_server_stops(error)
        elif stopping.hides_errors():
            _logger.error("the app did not stop in good order", exc_info=error)
        await self._send(self._failed("shutdown", error))

    def _goodbye(self) -> Message:
        """The answer to `lifespan.shutdown` when all went well; or what stops the server."""
        if self._stop is not None and self._stop.needs_error:
            message = "the app has ended by itself, in good order; only this stops the server"
            return {"type": "lifespan.shutdown.failed", "message": message}
        return {"type": "lifespan.shutdown.complete"}

    def _failed(self, phase: str, error: BaseException) -> Message:
        if self._inner is not None and self._inner.error is error:
            return self._inner.failure
        report = "".join(traceback.format_exception(error))
        return {"type": f"lifespan.{phase}.failed", "message": report}

    async def _until_server_stops(self, error: BaseException | None) -> None:
        """Do what is to be done after a crash, and wait for the server's `lifespan.shutdown`."""
        if self._settings.on_crash == "stop":
            self._stop = stopping.ask_server()
        elif error is not None:
            await self._tell_user(error)
        else:
            _logger.warning("the app has ended by itself, in good order; it answers 503 now")
        if self._stop is None or self._stop.is_announced:
            await until_shutdown(self._receive)

    async def _tell_user(self, error: BaseException) -> None:
        """Call the function that `on_crash` is, if it is one."""
        on_crash = self._settings.on_crash
        if on_crash is None or on_crash == "stop":
            return
        try:
            result = on_crash(error)
            if inspect.isawaitable(result):
                await result
        except Exception:
            _logger.exception("on_crash itself has failed")
