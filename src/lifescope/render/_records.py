"""What is drawn, as data: every format is written from these records, and from nothing else.

They hold names only. An object that a program gives to the container is not in them, so no
drawing can show it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Drawing", "Kind", "Lane", "Need", "Node", "State"]


class State(enum.Enum):
    """How far a node, or the need between two of them, is touched by a problem."""

    FINE = "fine"
    CAUSE = "cause"
    AFFECTED = "affected"


class Kind(enum.Enum):
    """What a node stands for."""

    PROVIDER = "provider"
    ENTRY = "entry point"
    MISSING = "not provided"
    UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class Node:
    """A provider, an entry point, or what should have been a provider.

    Attributes:
        id: The same in every run; different from every other in the drawing.
        name: What the user wrote: `open_session()`, `Session`.
        lane: The scope; for other nodes than providers, the name of their kind.
        how: How its provider is driven, in a word or two; empty for other nodes.
        place: Where it is written; empty if that is not known.
        marks: What is special about it: "override", "decorator".
        problems: The classes of the errors that name it as their cause.
    """

    id: str
    kind: Kind
    keys: tuple[str, ...]
    name: str
    lane: str
    how: str = ""
    place: str = ""
    marks: tuple[str, ...] = ()
    state: State = State.FINE
    problems: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it provides; the name of what provides nothing."""
        return ", ".join(self.keys) or self.name

    @property
    def by(self) -> str:
        """Who provides it: the function or class, or in a word where it comes from."""
        return (self.name or self.how) if self.kind is Kind.PROVIDER else ""

    @property
    def is_handed_in(self) -> bool:
        """It is there already, and nobody makes it."""
        return self.how in ("supplied", "value")


@dataclass(frozen=True, slots=True)
class Need:
    """What one node needs for one parameter.

    Attributes:
        asker: The id of the node whose parameter it is.
        key: What is asked for, as the parameter's annotation says it.
        target: The id of the node that is passed; None where there is none.
        relation: "lazy", "factory" or "current" if it is asked for later; "item" if it is put
            into a list; else empty.
        otherwise: "None" or "default": what the parameter is where *target* is None.
    """

    asker: str
    parameter: str
    key: str
    target: str | None
    relation: str = ""
    otherwise: str = ""
    state: State = State.FINE

    @property
    def is_later(self) -> bool:
        """It is not there when the asker is made."""
        return self.relation in ("lazy", "factory", "current")


@dataclass(frozen=True, slots=True)
class Lane:
    """A scope, or a place at the side for what has none.

    Attributes:
        nodes: The ids of its nodes, in the order of declaration.
        acquire: Those that an open scope keeps, in the order in which they are made if all of
            them are.
        release: Those of them that have a release, in its order.
    """

    name: str
    nodes: tuple[str, ...]
    acquire: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    is_scope: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph, ready to be drawn.

    Attributes:
        lanes: The scopes, the widest first; then transients, entry points, what is not there.
        nodes: Id to node, in the order of declaration.
        needs: Id of a node to what it needs, in the order of its parameters.
        needed_by: Id of a node to the needs that lead to it.
        roots: The ids of the entry points, and of what nobody needs.
    """

    lanes: tuple[Lane, ...]
    nodes: Mapping[str, Node]
    needs: Mapping[str, tuple[Need, ...]]
    needed_by: Mapping[str, tuple[Need, ...]]
    roots: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        """Only what is wrong, and what that affects, is in the drawing."""
        return any(node.state is not State.FINE for node in self.nodes.values())
