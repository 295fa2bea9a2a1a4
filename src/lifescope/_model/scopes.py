"""The order of scopes: which lifetime contains which."""

from dataclasses import dataclass

__all__ = ["CALL", "REQUEST", "TRANSIENT", "ScopeOrder"]

REQUEST = "request"
"""The scope that the composition root opens for each HTTP request and WebSocket."""

CALL = "call"
"""The scope that is opened around one endpoint or injected function."""

TRANSIENT = "transient"
"""Not a lifetime of its own: a new object for every parameter, living as long as its user."""


@dataclass(frozen=True, slots=True)
class ScopeOrder:
    """The scopes of one container, widest first."""

    names: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __str__(self) -> str:
        return " > ".join(self.names)

    @property
    def widest(self) -> str:
        """The app scope, whatever it is called."""
        return self.names[0]

    def rank(self, name: str) -> int:
        """0 for the widest scope, rising inwards."""
        return self.names.index(name)

    def narrower(self, name: str) -> str | None:
        """The next scope inside *name*, None for the narrowest."""
        rank = self.rank(name) + 1
        return self.names[rank] if rank < len(self.names) else None

    def between(self, outer: str, inner: str) -> tuple[str, ...]:
        """The scopes to open, in order, to come from *outer* to *inner*; without *outer*."""
        return self.names[self.rank(outer) + 1 : self.rank(inner) + 1]
