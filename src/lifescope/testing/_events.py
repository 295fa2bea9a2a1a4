"""The log of what was acquired and released, for assertions."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Self

from lifescope import Container, MissingProviderError
from lifescope._graph.suggest import suggest
from lifescope._model.keys import Key, as_key
from lifescope._model.provider import Provider
from lifescope._runtime.observing import Happening

__all__ = ["Event", "EventLog", "events"]


class Event(str):
    """One acquisition or release, as text: `"request: Session acquired"`.

    It is a string, so that it compares with one, and has what it was made of as attributes.

    Attributes:
        what: "acquired", "failed" (it could not be), "released" or "release failed".
        scope: The name of the scope that the object lives in, or "transient".
        key: The key, as text.
        provider: The provider, with its place.
        error: What it has raised, if it has failed.
        told: For a release, the error with which the scope has ended, if any.
    """

    __slots__ = ("_of", "error", "key", "provider", "scope", "told", "what")

    what: Happening
    scope: str
    key: str
    provider: str
    error: BaseException | None
    told: BaseException | None
    _of: Provider

    @classmethod
    def _made(
        cls,
        what: Happening,
        provider: Provider,
        error: BaseException | None,
        told: BaseException | None,
    ) -> Self:
        event = cls(f"{provider.scope}: {provider.key} {what}")
        event.what, event.error, event.told = what, error, told
        event.scope, event.key, event.provider = provider.scope, str(provider.key), str(provider)
        event._of = provider
        return event


class EventLog(list[Event]):
    """What has happened inside the block of `events`, in order: a list of `Event`.

    `assert log == ["app: Engine acquired", "app: Engine released"]` compares all of it,
    `assert log.of(Engine) == [...]` one key, and `assert log.acquired(Engine) == 1` counts.
    """

    def __init__(self, container: Container) -> None:
        super().__init__()
        self._container = container

    def of(self, *keys: Any) -> list[Event]:
        """What has happened to *keys*, in order.

        Raises:
            MissingProviderError: Nothing provides one of them, so nothing could have happened.
        """
        wanted = {self._known(as_key(key)) for key in keys}
        return [event for event in self if not wanted.isdisjoint(event._of.keys)]

    def acquired(self, key: Any) -> int:
        """How often *key* was acquired. Raises what `of` raises."""
        return self._count(key, "acquired")

    def failed(self, key: Any) -> int:
        """How often *key* could not be acquired. Raises what `of` raises."""
        return self._count(key, "failed")

    def released(self, key: Any) -> int:
        """How often *key* was released, with or without an error. Raises what `of` raises."""
        return self._count(key, "released") + self._count(key, "release failed")

    @property
    def unreleased(self) -> list[Event]:
        """The acquisitions of what has a release and has not been released since."""
        left: list[Event] = []
        for event in self:
            if event.what == "acquired" and event._of.kind.has_release:
                left.append(event)
            elif event.what in ("released", "release failed"):
                positions = [n for n, each in enumerate(left) if each._of is event._of]
                del left[positions[-1]]
        return left

    def _count(self, key: Any, what: Happening) -> int:
        return sum(event.what == what for event in self.of(key))

    def _known(self, key: Key) -> Key:
        graph = self._container.graph
        is_known = graph.find(key) is not None
        if not is_known and all(key not in p.keys for p in (*graph.declared, *map(_of, self))):
            raise MissingProviderError(key=key, suggestions=suggest(key, graph.declared))
        return key


def _of(event: Event) -> Provider:
    return event._of


@contextmanager
def events(
    container: Container, listener: Callable[[Event], object] | None = None
) -> Generator[EventLog]:
    """Log what *container* acquires and releases, while a block runs.

    `with events(container) as log: ...`; there is no form with `async with`, nothing waits.

    The log has every acquisition that ends inside the block, in every scope of the container,
    thread and event loop, overridden or not; and the releases of what was acquired inside it.
    What is merely handed in, or read where it is kept, is no acquisition.

    Args:
        container: Whose scopes.
        listener: Called with each event as it happens, maybe in another thread. An error of
            it is logged, and goes no further.
    """
    log = EventLog(container)

    def listen(
        what: Happening,
        provider: Provider,
        error: BaseException | None,
        told: BaseException | None,
    ) -> None:
        event = Event._made(what, provider, error, told)
        log.append(event)
        if listener is not None:
            listener(event)

    end = container._engines.observers.listen(listen)
    try:
        yield log
    finally:
        end()
