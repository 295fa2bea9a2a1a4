"""Drawings of a graph: `render.tree(container.graph)`, and as Mermaid, DOT, JSON and HTML.

Each is a text that is the same in every run: the order is that of declaration, and places are
relative to the working directory. None of them has the value of anything in it.

A graph that has failed its check is the attribute `graph` of the `GraphError`. Its drawing has
the cause in red, what it affects in orange, and nothing else.
"""

from collections.abc import Callable, Sequence

from lifescope._graph.graph import Graph
from lifescope._model.provider import Entry
from lifescope.render import _dot, _html, _json, _mermaid, _tree
from lifescope.render._drawing import draw_up
from lifescope.render._records import Drawing

__all__ = ["FORMATS", "dot", "draw", "html", "json", "mermaid", "tree"]

_WRITERS: dict[str, Callable[[Drawing], str]] = {
    "tree": _tree.write,
    "mermaid": _mermaid.write,
    "dot": _dot.write,
    "json": _json.write,
    "html": _html.write,
}

FORMATS: tuple[str, ...] = tuple(_WRITERS)
"""The names that `draw` takes."""


def draw(graph: Graph, format: str = "tree", *, entries: Sequence[Entry] = ()) -> str:  # noqa: A002
    """The drawing of *graph* in one of the `FORMATS`.

    Args:
        graph: `container.graph`, or the `graph` of a `GraphError`.
        format: "tree", "mermaid", "dot", "json" or "html".
        entries: The functions that are filled from it, as the check has read them: endpoints,
            jobs, the app factory.

    Raises:
        ValueError: There is no such format.
    """
    if format not in _WRITERS:
        raise ValueError(f'there is no format "{format}"; there are {", ".join(FORMATS)}')
    return _WRITERS[format](draw_up(graph, entries))


def tree(graph: Graph, *, entries: Sequence[Entry] = ()) -> str:
    """Text: a tree for each entry point, and for each provider that nobody needs.

    What is needed stands below what needs it, as "parameter: key", with its scope, who provides
    it, and where that is written. What comes again is not spread out again.
    """
    return draw(graph, "tree", entries=entries)


def mermaid(graph: Graph, *, entries: Sequence[Entry] = ()) -> str:
    """A Mermaid flowchart, which many sites draw when it stands in Markdown.

    An arrow leads from who needs something to what is needed, and has the parameter's name. It
    is dashed for `Lazy`, `Factory` and `Current`.
    """
    return draw(graph, "mermaid", entries=entries)


def dot(graph: Graph, *, entries: Sequence[Entry] = ()) -> str:
    """The DOT language of Graphviz: `dot -Tsvg` makes a picture of it.

    Arrows are as in `mermaid`.
    """
    return draw(graph, "dot", entries=entries)


def json(graph: Graph, *, entries: Sequence[Entry] = ()) -> str:
    """JSON, for programs: an object with the following items.

    - `version`: 1. It changes when an item changes its meaning or goes; others may be added.
    - `scopes`: the widest first. `name`; `acquire`, the ids of what an open scope keeps, in the
      order in which it is made if all of it is; `release`, those that have a release, in the
      order of release.
    - `providers`: in the order of declaration, then what follows from a key, such as the list of
      contributions. `id`; `keys`; `name`, the function or class, null where nobody has written
      one; `scope`; `kind`: "called", "awaited", "generator", "async generator", "context manager",
      "async context manager", "supplied", "value", "collection", "open scope" or "background";
      `place`, file and line, or null; `marks`, such as "override", "decorator" or "eager"; `state`;
      `problems`; `needs`; `needed_by`.
    - `entry_points`: `id`, `name`, `place`, `state`, `problems`, `needs`.
    - `missing`: keys that nothing provides. `id`, `key`, `state`, `problems`, `needed_by`.
    - `unreadable`: what could not be read as a provider. `id`, `name`, `place`, `state`,
      `problems`.

    Each of `needs` has the `parameter`, the `key` that it asks for, and the id of the `target`;
    the `relation` is "lazy", "factory" or "current" where it is asked for later, "item" in a
    list, else null. Without a target, `otherwise` is "None" or "default": what the parameter is.
    Each of `needed_by` has the id of the `asker`, its `parameter` and the `relation`.

    `state`, of needs too, is "fine", "cause" or "affected"; `problems` has the classes of the
    errors of which it is the cause. Where a graph has failed, what is fine is left out, and
    nothing is acquired.
    """
    return draw(graph, "json", entries=entries)


def html(graph: Graph, *, entries: Sequence[Entry] = ()) -> str:
    """A page for the browser: one file, which loads nothing from anywhere.

    It has the scopes one below the other, the widest first, and what each keeps. A click, or
    the Enter key, shows a provider's way to the entry points, what it needs, where it is
    written, and what is acquired and released before it.
    """
    return draw(graph, "html", entries=entries)
