"""Index: which provider a key stands for, with all that follows from the declared ones.

Declared providers have keys of their own. What follows from them: the connection and the open
scope itself, relations (`Lazy[T]`), collections (`list[T]`), instances of open generics, and
the decorators around each of these.
"""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Optional, get_args, get_origin

from lifescope import errors
from lifescope._declare.annotations import without_none
from lifescope._graph import generics
from lifescope._model.keys import Key, as_key
from lifescope._model.provider import Edge, Kind, Parameter, Provider
from lifescope._model.relations import RELATIONS, Background
from lifescope._model.scopes import REQUEST, TRANSIENT, ScopeOrder

__all__ = ["Index"]

_CONNECTIONS = {
    ("starlette.requests", "Request"),
    ("starlette.requests", "HTTPConnection"),
    ("starlette.websockets", "WebSocket"),
    ("litestar.connection.request", "Request"),
    ("litestar.connection.websocket", "WebSocket"),
    ("litestar.connection.base", "ASGIConnection"),
}

_DEEPEST = 20
"""How deep the arguments of a generic may be nested: a provider may need a deeper one of itself."""


class Index:
    """Providers by key.

    Args:
        declared: One for each key; contributions and decorators among them.
        scopes: The container's scopes.
        undecorated: Keys that decorators leave alone: those that are overridden.

    Attributes:
        edges: What is passed for the parameters of each provider.
        gaps: Parameters for which there is nothing.
        problems: What else is wrong.
        samples: Open providers with what they need in any case, so that this is checked.
        undecorated: Keys that decorators leave alone.
    """

    def __init__(
        self, declared: Iterable[Provider], scopes: ScopeOrder, undecorated: Collection[Key] = ()
    ) -> None:
        self.scopes = scopes
        self.edges: dict[Provider, tuple[Edge, ...]] = {}
        self.gaps: list[tuple[Provider, Parameter]] = []
        self.problems: list[errors.GraphError] = []
        self.samples: set[Provider] = set()
        self.lock = threading.RLock()  # keys that turn up later may do so in several threads
        self._by_key: dict[Key, Provider] = {}
        self._below: dict[tuple[Provider, Key], Provider] = {}
        self._contributors: list[Provider] = []
        self._decorators: list[Provider] = []
        self._open: list[Provider] = []
        self._instances: dict[tuple[Provider, tuple[Any, ...]], Provider] = {}
        self.undecorated = undecorated
        self._pending: deque[Provider] = deque()
        plain: list[tuple[Key, Provider]] = []
        for provider in declared:
            plain += self._sort_in(provider)
        for key, provider in plain:
            self._by_key[key] = self._outermost(key, provider)

    def _sort_in(self, provider: Provider) -> list[tuple[Key, Provider]]:
        """Put it where it belongs; the keys under which it is found as it is."""
        pattern = generics.pattern_of(provider)
        if provider.decorate or provider.many:
            of_its_kind = self._decorators if provider.decorate else self._contributors
            of_its_kind.append(pattern or provider)
            if pattern is None:
                self._pending.append(provider)
            return []
        if pattern is not None:
            self._open.append(pattern)
            sample = generics.closed_part(pattern)
            self.samples.add(sample)
            self._pending.append(sample)
            needs_variable = any(
                generics.is_open(p.key.form) and not (p.optional or p.has_default)
                for p in provider.parameters
            )
            if pattern is provider or needs_variable:
                return []
        self._pending.append(provider)
        return [(key, provider) for key in provider.keys]

    # --- asking ---------------------------------------------------------------------------

    def find(self, key: Key) -> Provider | None:
        """The provider of *key*, None where there is none."""
        found = self._by_key.get(key)
        if found is None:
            with self.lock:
                found = self._derive(key)
                if found is not None:
                    found = self._by_key[key] = self._outermost(key, found)
        return found

    def edge(self, parameter: Parameter, asker: Provider | None = None) -> Edge | None:
        """What to pass to *asker* for *parameter*; None where nothing can be."""
        key, provider = parameter.key, None
        if asker is not None and asker.decorate and key in asker.keys:
            wrapped = self._wrapped_by(asker, key)
            return Edge(parameter, wrapped) if wrapped is not None else None
        if parameter.optional:
            provider = self.find(Key(Optional[key.form], key.name))  # noqa: UP045
        provider = provider or self.find(key)
        if provider is None and not (parameter.optional or parameter.has_default):
            provider = self._empty_collection(key)
            if provider is None:
                return None
        return Edge(parameter, provider)

    def base(self, key: Key) -> Provider | None:
        """The provider of *key* without its decorators."""
        provider = self.find(key)
        while provider is not None and (provider, key) in self._below:
            provider = self._below[provider, key]
        return provider

    def _wrapped_by(self, decorator: Provider, key: Key) -> Provider | None:
        if self.find(key) is None:
            self._empty_collection(key)
        return self._below.get((decorator, key))

    def connect(self) -> list[Provider]:
        """Draw the edges of every provider that has none yet, and of those that follow from it.

        Returns:
            Them, in the order in which they turned up.
        """
        connected: list[Provider] = []
        while self._pending:
            provider = self._pending.popleft()
            connected.append(provider)
            if provider in self.edges:
                continue
            found: list[Edge] = []
            for parameter in provider.parameters:
                edge = self.edge(parameter, provider)
                if edge is not None:
                    found.append(edge)
                elif all(known is not parameter for _, known in self.gaps):
                    # Instances of an open provider share the parameters that are not open.
                    self.gaps.append((provider, parameter))
            self.edges[provider] = tuple(found)
        return connected

    def forget(self, providers: Collection[Provider]) -> None:
        """Take back what followed from a key, because it is wrong: the next to ask is told too."""
        for key, provider in list(self._by_key.items()):
            if provider in providers:
                del self._by_key[key]
        for instance, provider in list(self._instances.items()):
            if provider in providers:
                del self._instances[instance]

    # --- what follows from declared providers -----------------------------------------------

    def _derive(self, key: Key) -> Provider | None:
        made = self._relation(key) or self._collection(key) or self._instance(key)
        return made or self._built_in(key)

    def _add(self, provider: Provider, edges: Sequence[Edge]) -> Provider:
        self.edges[provider] = tuple(edges)
        self._pending.append(provider)
        return provider

    def _relation(self, key: Key) -> Provider | None:
        """The handle for `Lazy[T]`, `Factory[T]` and `Current[T]`, where T is provided."""
        cls = get_origin(key.form)
        kind = RELATIONS.get(cls)
        if kind is None:
            return None
        inner = as_key(get_args(key.form)[0])
        form, optional = without_none(inner.form)
        asked = Parameter("T", Key(form, inner.name or key.name), optional)
        edge = self.edge(asked)
        if edge is None:
            return None
        handle = Provider((key,), TRANSIENT, kind, cls, (asked,), leads_to=edge.provider)
        # Whoever reads what is current keeps nothing, and is bound to nothing.
        return self._add(handle, [] if kind is Kind.CURRENT else [edge])

    def _collection(self, key: Key) -> Provider | None:
        """The list of what contributes to `list[T]`."""
        if get_origin(key.form) is not list:
            return None
        member = as_key(get_args(key.form)[0])
        member = Key(member.form, member.name or key.name)
        found = [self._for_key(provider, member) for provider in self._contributors]
        contributions = [provider for provider in found if provider is not None]
        return self._list_of(key, contributions) if contributions else None

    def _list_of(self, key: Key, contributions: Sequence[Provider]) -> Provider:
        parameters = [
            Parameter(f"item {position}", provider.key, position=position)
            for position, provider in enumerate(contributions)
        ]
        made = Provider((key,), TRANSIENT, Kind.COLLECTION, list, tuple(parameters))
        pairs = zip(parameters, contributions, strict=True)
        return self._add(made, [Edge(parameter, provider) for parameter, provider in pairs])

    def _empty_collection(self, key: Key) -> Provider | None:
        """`list[T]` where nothing contributes: as good a list as any."""
        if get_origin(key.form) is not list or generics.is_open(key.form):
            return None
        with self.lock:
            self._by_key[key] = self._outermost(key, self._list_of(key, []))
        return self._by_key[key]

    def _instance(self, key: Key) -> Provider | None:
        """What the open provider that fits *key* best makes for it."""
        if get_origin(key.form) is None or generics.is_open(key.form):
            return None
        fitting = [
            (provider, pattern.form)
            for provider in self._open
            for pattern in provider.keys
            if pattern.name == key.name and generics.match(pattern.form, key.form, {})
        ]
        best = generics.most_specific(fitting)
        if len(best) > 1:
            self.problems.append(errors.DuplicateProviderError(key=key, providers=best))
        return self._instance_of(best[0], key) if best else None

    def _for_key(self, provider: Provider, key: Key) -> Provider | None:
        """*provider*, or what an open one makes for *key*; None if it does not fit."""
        return provider if key in provider.keys else self._instance_of(provider, key)

    def _instance_of(self, provider: Provider, key: Key) -> Provider | None:
        """*provider*, for the type arguments that *key* has; None if it does not fit."""
        binding: dict[Any, Any] = {}
        for pattern in provider.keys:
            binding.clear()
            if pattern.name == key.name and generics.match(pattern.form, key.form, binding):
                break
        else:
            return None
        identity = (provider, tuple(binding.values()))
        instance = self._instances.get(identity)
        if instance is None:
            instance = generics.instantiate(provider, binding, self._by_key.__contains__)
            self._instances[identity] = instance
            self._pending.append(instance)
            if generics.depth(key.form for key in instance.keys) > _DEEPEST:
                self.edges[instance] = ()  # goes no deeper
                self.problems.append(_endless(provider))
        return instance

    def _outermost(self, key: Key, provider: Provider) -> Provider:
        """*provider* in its decorators, the first declared innermost."""
        if key in self.undecorated:
            return provider
        for decorator in self._decorators:
            fitting = self._for_key(decorator, key)
            if fitting is not None:
                self._below[fitting, key] = provider
                provider = fitting
        return provider

    def _built_in(self, key: Key) -> Provider | None:
        """The connection of a request, and the open scope itself.

        Both are recognised by name, so that a program without a web framework imports none.
        """
        cls: Any = get_origin(key.form) or key.form
        if key.name is not None or not isinstance(cls, type):
            return None
        if key.form is not cls:  # Request[State] is the same object as Request
            return self.find(Key(cls)) if _is_connection(cls) else None
        if cls is Background:
            return Provider((key,), TRANSIENT, Kind.BACKGROUND, cls)
        if getattr(cls, "__lifescope_open_scope__", False):
            return Provider((key,), TRANSIENT, Kind.SCOPE, cls)
        if _is_connection(cls) and REQUEST in self.scopes:
            return Provider((key,), REQUEST, Kind.SUPPLIED, cls)
        return None


def _endless(provider: Provider) -> errors.InvalidProviderError:
    return errors.InvalidProviderError(
        name=provider.name,
        reason="needs what it provides itself, for ever new type arguments",
        place=provider.place,
        fix="let it need something that does not grow with each step.",
    )


def _is_connection(cls: type) -> bool:
    return (cls.__module__, cls.__qualname__) in _CONNECTIONS
