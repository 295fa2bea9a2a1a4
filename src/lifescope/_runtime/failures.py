"""What happens when a plan fails: those who wait are told, and the error says where it was."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from lifescope import _text, errors
from lifescope._graph.graph import Graph
from lifescope._graph.validate import edge_for
from lifescope._model.provider import Entry, Kind, Link, Provider
from lifescope._plan.compile import Compiled
from lifescope._plan.steps import Mode
from lifescope._runtime.loops import is_cancellation

__all__ = ["describe_failure"]


def describe_failure(
    graph: Graph,
    compiled: Compiled,
    flights: dict[object, Any],
    scope: str,
    error: BaseException,
) -> None:
    """Called by generated code with what it caught, before it raises that again.

    The first entry of the traceback is the line of the generated function, which tells the
    step; so nothing has to be noted while things go well.

    Raises:
        NoYieldError: The error is a generator's own way to say that it has ended.
    """
    traceback = error.__traceback__
    line = traceback.tb_lineno if traceback is not None else 0
    step = compiled.step_at(line)
    if step is None:
        return
    provider = step.provider
    if step.hops == 0 and compiled.mode is not Mode.ELSEWHERE and line not in compiled.joins:
        _tell_waiters(flights, provider, error)
    if isinstance(error, StopIteration | StopAsyncIteration) and _is_generator(provider):
        raise errors.NoYieldError.about(provider) from None
    if isinstance(error, Exception) and not isinstance(error, errors.LifescopeError):
        way = _way(graph, compiled.plan.root, provider)
        if step.hops == 0 and provider.kind is not Kind.SHARED:
            _add_note(error, provider, scope, way)
        else:
            _lengthen_note(error, provider, way)


class _Note(str):
    """A note on a user's error: what was being acquired, and who asked for it.

    Attributes:
        headline: Its first line.
        links: From whoever asked inwards; the last is what was being acquired.
    """

    __slots__ = ("headline", "links")

    headline: str
    links: tuple[Link, ...]

    @classmethod
    def of(cls, headline: str, links: Sequence[Link]) -> "_Note":
        """The note with that headline and chain."""
        note = cls(f"{headline}\n{_text.chain(links)}" if len(links) > 1 else headline)
        note.headline, note.links = headline, tuple(links)
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)  # whoever unpickles the error needs the text


def _notes(error: Exception) -> list[str]:
    return getattr(error, "__notes__", [])


def _add_note(error: Exception, provider: Provider, scope: str, way: Sequence[Link]) -> None:
    """Say that *provider* was being acquired; once, however many plans the error passes."""
    last = Link.of(provider)
    if all(not isinstance(note, _Note) or note.links[-1] != last for note in _notes(error)):
        headline = f"lifescope: while acquiring {provider}, scope {scope}"
        error.add_note(_Note.of(headline, [*way, last]))


def _lengthen_note(error: Exception, provider: Provider, way: Sequence[Link]) -> None:
    """Put *way* before the chain that begins with *provider*, which lives further out.

    Of several who have waited for it, the first one is named.
    """
    notes = _notes(error)
    for position, note in enumerate(notes):
        if isinstance(note, _Note) and (note.links[0].name, note.links[0].place) == (
            provider.name,
            provider.place,
        ):
            notes[position] = _Note.of(note.headline, [*way, *note.links])
            return


def _way(graph: Graph, root: Provider | Entry, target: Provider) -> list[Link]:
    """The shortest chain of those who are made now from *root* to *target*, without that."""
    links: dict[Provider, tuple[Provider | Entry, Link]] = {}
    queue: deque[Provider | Entry] = deque([root])
    while queue and target not in links and root is not target:
        asker = queue.popleft()
        for parameter, needed in _needs(graph, asker):
            if needed not in links:
                links[needed] = asker, Link.of(asker, parameter)
                queue.append(needed)
    chain: list[Link] = []
    while target in links and target is not root:
        asker, link = links[target]
        chain.append(link)
        if not isinstance(asker, Provider):
            break
        target = asker
    return chain[::-1]


def _needs(graph: Graph, asker: Provider | Entry) -> Iterator[tuple[str, Provider]]:
    """What *asker* needs to be made, or called."""
    if isinstance(asker, Entry):
        edges = [edge_for(graph, parameter) for parameter in asker.parameters]
    else:
        edges = [] if asker.kind.is_relation else [*graph.needs(asker)]
    for edge in edges:
        if edge is not None and edge.provider is not None:
            yield edge.parameter.name, edge.provider


def _tell_waiters(flights: dict[object, Any], provider: Provider, error: BaseException) -> None:
    """End the flight that the failed step had begun."""
    flight = flights.pop(provider, None) if flights else None
    if flight is not None:  # a cancellation concerns the task that started, not those who wait
        flight.fail(error, void=is_cancellation(error) or isinstance(error, GeneratorExit))


def _is_generator(provider: Provider) -> bool:
    return provider.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)
