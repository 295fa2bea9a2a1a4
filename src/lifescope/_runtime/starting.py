"""Starting: what is made when an app scope opens, one after the other or together (G7)."""

import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING

from anyio import Event, create_task_group
from anyio.abc import TaskGroup

from lifescope._model.provider import Provider
from lifescope._runtime import binding, loops
from lifescope._runtime.startup import Startup

if TYPE_CHECKING:
    from lifescope._runtime.scope import OpenScope

__all__ = ["say_progress", "start"]

PROGRESS = 3.0
"""Seconds after which a start that takes long says in the log how far it is, and how often."""

_logger = logging.getLogger("lifescope")


async def start(
    scope: "OpenScope", providers: Sequence[Provider], startup: Startup, *, together: bool = False
) -> None:
    """Make *providers* in *scope*.

    Args:
        scope: An app scope, of the task that calls.
        providers: In an order in which they can be made.
        startup: Notes how it goes.
        together: Each as soon as what it needs is there, instead of one after the other.

    Raises what the first that fails raises, when the others have been stopped.
    """
    startup.plan(providers)
    if together and len(providers) > 1:
        await _Together(scope, providers, startup).run()
    else:
        for provider in providers:
            await _start_one(scope, provider, startup)


def say_progress(startup: Startup) -> Callable[[], None]:
    """Say in the log how far a start is that takes long; what is returned ends that."""
    # As a string, because a handler may format the line when the start has gone on.
    return loops.every(PROGRESS, lambda: _logger.warning("starting: %s", str(startup)))


async def _start_one(scope: "OpenScope", provider: Provider, startup: Startup) -> None:
    startup.began(provider)
    try:
        await scope._engine.acquirer(scope, provider)(scope)
    except Exception:
        startup.ended(provider, failed=True)
        raise
    startup.ended(provider)


class _Part:
    """The part of the app's context that one provider sees, and what it has set there since."""

    def __init__(self, before: Context) -> None:
        self.before = before
        self.context = before.copy()
        self._final: list[binding.Change] | None = None

    def effects(self) -> list[binding.Change]:
        if self._final is not None:
            return self._final
        return binding.changes(self.before, self.context)

    def is_over(self) -> None:
        self._final = self.effects()


class _Together:
    """Providers that start at the same time, each in a context of its own.

    A provider sees what those that it needs have set in context variables, and nothing of the
    others, so that the outcome does not depend on who is faster. When all are there, what they
    have set is put together in the order of an ordinary start: the last one wins.
    """

    def __init__(self, scope: "OpenScope", providers: Sequence[Provider], startup: Startup) -> None:
        assert scope.context is not None
        self._scope = scope
        self._startup = startup
        self._before = scope.context.copy()
        self._ended = {provider: Event() for provider in providers}
        self._parts: dict[Provider, _Part] = {}
        self._by_task: dict[object, _Part] = {}
        self._failure: BaseException | None = None

    async def run(self) -> None:
        self._scope.context_for = self._context_for
        try:
            async with create_task_group() as group:
                for provider in self._ended:
                    group.start_soon(self._run_one, group, provider)
        finally:
            self._scope.context_for = None
        if self._failure is not None:
            raise self._failure
        self._put_together()

    async def _run_one(self, group: TaskGroup, provider: Provider) -> None:
        for each in self._needs(provider):
            if each in self._ended:
                await self._ended[each].wait()
        part = self._by_task[loops.current_task()] = self._part(provider)
        binding.put(binding.changes(self._before, part.before))  # for transients, made right here
        try:
            await _start_one(self._scope, provider, self._startup)
        except BaseException as error:
            if loops.is_cancellation(error):
                raise
            self._failed(provider, error)
            group.cancel_scope.cancel()
            return
        part.is_over()
        self._ended[provider].set()

    def _failed(self, provider: Provider, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error  # not raised in a group: it is the user's own error
        else:
            _logger.error("%s has failed, too", provider, exc_info=error)

    def _needs(self, provider: Provider) -> list[Provider]:
        *needs, _ = self._scope._engine.graph.needed([provider], at_once=True)
        return needs

    def _part(self, provider: Provider) -> _Part:
        part = self._parts.get(provider)
        if part is None:
            before = self._before.copy()
            for each in self._needs(provider):
                if each in self._parts:
                    before.run(binding.put, self._parts[each].effects())
            part = self._parts[provider] = _Part(before)
        return part

    def _context_for(self, provider: Provider) -> Context:
        """Where *provider* is made: with the one whose turn it is, or because somebody asks."""
        part = self._by_task.get(loops.current_task()) or self._part(provider)
        return part.context

    def _put_together(self) -> None:
        assert self._scope.context is not None
        for provider in self._ended:
            self._scope.context.run(binding.put, self._parts[provider].effects())
        self._scope.apply_effects(binding.changes(self._before, self._scope.context))
