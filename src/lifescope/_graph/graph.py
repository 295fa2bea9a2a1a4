"""Graph: the checked, frozen set of providers and their edges."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from lifescope import errors
from lifescope._graph.index import Index
from lifescope._model.keys import Key
from lifescope._model.names import Place
from lifescope._model.provider import Edge, Provider
from lifescope._model.scopes import TRANSIENT, ScopeOrder

__all__ = ["Graph"]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Providers, their edges, and the order in which they can be made.

    Attributes:
        scopes: The container's scopes.
        declared: In the order in which they were declared; open generics among them.
        providers: Those of them that make something, and what follows from them.
        index: Finds the provider of a key.
        problems: What is wrong with it; only an error has a graph in which anything is.
        place: Where the container is made, if that is known.
    """

    scopes: ScopeOrder
    declared: tuple[Provider, ...]
    providers: tuple[Provider, ...]
    index: Index
    problems: tuple[errors.GraphError, ...] = ()
    place: Place | None = None

    @property
    def overridden(self) -> Collection[Key]:
        """The keys of which the provider is an override."""
        return self.index.undecorated

    def find(self, key: Key) -> Provider | None:
        """The provider of *key*, None where there is none."""
        return self.index.find(key)

    def needs(self, provider: Provider) -> tuple[Edge, ...]:
        """The edges of *provider*; the built-in ones need nothing."""
        return self.index.edges.get(provider, ())

    def needed(self, roots: Iterable[Provider], *, at_once: bool = False) -> list[Provider]:
        """*roots* and everything below them, what is needed before what needs it.

        With *at_once*, without what is only asked for later, through `Lazy` and the like. One
        iterative walk: chains may be thousands of providers long. It ends on graphs with
        cycles too, which the check walks before it refuses them.
        """
        ordered: list[Provider] = []
        entered: set[Provider] = set()
        edges = self.index.edges
        for root in roots:
            if root in entered:
                continue
            entered.add(root)
            # Those whose needs are being walked, each with what is left of them.
            stack: list[tuple[Provider, Iterator[Edge]]] = []
            following: Provider | None = root
            while True:
                if following is not None:
                    is_later = at_once and following.kind.is_relation
                    stack.append((following, iter(() if is_later else edges.get(following, ()))))
                provider, rest = stack[-1]
                for edge in rest:
                    following = edge.provider
                    if following is not None and following not in entered:
                        entered.add(following)
                        break
                else:
                    ordered.append(provider)
                    stack.pop()
                    following = None
                    if not stack:
                        break
        return ordered

    def narrowest(self, roots: Iterable[Provider], at_least: str) -> Provider | None:
        """The provider in the narrowest scope that is needed to make *roots*.

        None if everything lives in *at_least* or in a wider scope.
        """
        found, rank = None, self.scopes.rank(at_least)
        for provider in self.needed(roots):
            if provider.scope != TRANSIENT and self.scopes.rank(provider.scope) > rank:
                found, rank = provider, self.scopes.rank(provider.scope)
        return found
