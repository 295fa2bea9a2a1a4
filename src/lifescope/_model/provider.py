"""Provider and its parts: how to make, and release, one thing."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lifescope._model.keys import Key
from lifescope._model.names import Place, spell_callable

__all__ = [
    "Declaration",
    "Edge",
    "Entry",
    "Kind",
    "Link",
    "Nearness",
    "Parameter",
    "Provider",
    "Suggestion",
]


class Kind(enum.Enum):
    """How a provider's target is driven."""

    CALL = "called"
    AWAIT = "called and awaited"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"
    MANAGER = "context manager"
    ASYNC_MANAGER = "async context manager"
    SUPPLIED = "handed in when the scope opens"
    SCOPE = "the open scope itself"
    VALUE = "a ready object"
    COLLECTION = "the list of all contributions"
    LAZY = "made when it is first awaited"
    FACTORY = "made anew for each block"
    CURRENT = "looked up where it is asked"
    BACKGROUND = "starts work in the background"
    SHARED = "as it is below the override"

    @property
    def is_derived(self) -> bool:
        """Nobody declares it: it follows from the key that is asked for."""
        return self in _DERIVED

    @property
    def is_relation(self) -> bool:
        """A handle, through which the object itself is asked for later."""
        return self in _RELATIONS

    @property
    def is_async(self) -> bool:
        """Making it has to be awaited."""
        return self in _ASYNC

    @property
    def has_release(self) -> bool:
        """It is entered, and left again at the end of its scope."""
        return self in _RELEASED


_ASYNC = frozenset({Kind.AWAIT, Kind.ASYNC_GENERATOR, Kind.ASYNC_MANAGER})
_RELEASED = frozenset({Kind.GENERATOR, Kind.ASYNC_GENERATOR, Kind.MANAGER, Kind.ASYNC_MANAGER})
_RELATIONS = frozenset({Kind.LAZY, Kind.FACTORY, Kind.CURRENT, Kind.BACKGROUND})
_DERIVED = frozenset({Kind.SCOPE, Kind.COLLECTION, *_RELATIONS})


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Declaration:
    """What `@provider` was told, before any annotation is read.

    Annotations are read when a container is built, because they may name things that are
    defined further down in the module.
    """

    target: Any
    scope: str
    provides: tuple[Any, ...] | None = None
    name: str | None = None
    enter: bool | None = None
    eager: bool | None = None
    thread: bool = False
    start_timeout: float | None = None
    stop_timeout: float | None = None
    replace: bool = False
    decorate: bool = False
    many: bool = False
    supplied: bool = False
    place: Place | None = None
    local_names: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter to fill: its name, the key it asks for, and what happens without one."""

    name: str
    key: Key
    optional: bool = False
    """Annotated `T | None`: None is passed where nothing provides T."""
    has_default: bool = False
    """The default stays where nothing provides the key."""
    position: int | None = None
    """Where it stands in the signature, from 0; None if it can only be passed by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """A declaration whose annotations have been read, or what follows from a key.

    Attributes:
        keys: What it provides; all of them stand for one object.
        thread: It is driven in worker threads, and awaited meanwhile.
        result: The type that a function says it gives, where values are checked against it.
        leads_to: What a relation asks for; None where that may be missing, and is. For
            `Kind.SHARED`, the provider that it stands for.
        signature: The names of all parameters of what the user wrote.
    """

    keys: tuple[Key, ...]
    scope: str
    kind: Kind
    target: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    eager: bool | None = None
    thread: bool = False
    start_timeout: float | None = None
    stop_timeout: float | None = None
    replace: bool = False
    decorate: bool = False
    many: bool = False
    place: Place | None = None
    result: Any = None
    leads_to: "Provider | None" = None
    signature: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """The key that names this provider in messages."""
        return self.keys[0]

    @property
    def name(self) -> str:
        """`open_session()` or `Session`: what the user wrote."""
        if self.kind in (Kind.SUPPLIED, Kind.VALUE) or self.kind.is_derived:
            return str(self.key)
        return spell_callable(self.target)

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True, slots=True)
class Edge:
    """What is passed for one parameter; without a provider, None or the parameter's default."""

    parameter: Parameter
    provider: Provider | None

    @property
    def is_omitted(self) -> bool:
        """Nothing is passed: the parameter keeps its default."""
        return self.provider is None and self.parameter.has_default


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A function whose parameters the container fills: an endpoint, a job, the app factory.

    Attributes:
        asked_by: The way to it from outside: a route, the functions in between.
        signature: The names of all its parameters.
    """

    name: str
    parameters: tuple[Parameter, ...]
    place: Place | None = None
    asked_by: "tuple[Link, ...]" = ()
    signature: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain from an entry point to what it needs.

    Attributes:
        parameter: The one through which the next step, or what is missing, is asked for.
        signature: The names of all parameters, where they are known.
    """

    name: str
    place: Place | None
    scope: str = ""
    parameter: str = ""
    signature: tuple[str, ...] = ()

    @classmethod
    def of(cls, asker: Provider | Entry, parameter: str = "") -> "Link":
        """The step at which *asker* asks for something, through *parameter*."""
        scope = asker.scope if isinstance(asker, Provider) else ""
        return cls(asker.name, asker.place, scope, parameter, asker.signature)


class Nearness(enum.Enum):
    """How something that is provided is close to a key that is not."""

    LEFT_OUT = "marked with @provider, but not given to this container"
    OTHER_NAME = "the same type under another name"
    SUBCLASS = "a subclass"
    BASE = "a base class"
    RELATED = "another form of the same generic class"
    PROTOCOL = "has all members of the protocol"
    SPELLED_ALIKE = "another type that is called the same"
    SIMILAR = "a similar name"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may have been meant instead of a key that nothing provides."""

    provider: Provider
    nearness: Nearness
