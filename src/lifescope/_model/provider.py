"""Provider and its parts: how to make, and release, one thing."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lifescope._model.keys import Key
from lifescope._model.names import Place, spell_callable

__all__ = ["Declaration", "Entry", "Kind", "Link", "Parameter", "Provider"]


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


@dataclass(frozen=True, slots=True, eq=False)
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
    stop_timeout: float | None = None
    replace: bool = False
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
    """A declaration whose annotations have been read."""

    keys: tuple[Key, ...]
    scope: str
    kind: Kind
    target: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    eager: bool | None = None
    stop_timeout: float | None = None
    replace: bool = False
    place: Place | None = None
    value: Any = field(default=None, repr=False)
    """The object itself, for `Kind.VALUE`. Never printed."""

    @property
    def key(self) -> Key:
        """The key that names this provider in messages."""
        return self.keys[0]

    @property
    def name(self) -> str:
        """`open_session()` or `Session`: what the user wrote."""
        if self.kind in (Kind.SUPPLIED, Kind.VALUE):
            return str(self.key)
        return spell_callable(self.target)

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A function whose parameters the container fills: an endpoint, a job, the app factory."""

    name: str
    parameters: tuple[Parameter, ...]
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain from an entry point to what it needs."""

    name: str
    place: Place | None
    scope: str = ""
    parameter: str = ""

    @classmethod
    def of(cls, asker: Provider | Entry, parameter: str = "") -> "Link":
        """The step at which *asker* asks for something, through *parameter*."""
        scope = asker.scope if isinstance(asker, Provider) else ""
        return cls(asker.name, asker.place, scope, parameter)
