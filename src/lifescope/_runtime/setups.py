"""Setups: engines that are the same but for some overrides; for app scopes, and for overlays.

An engine with an override is made from the providers of the one without. What is made for one
override is kept for the next one that replaces the same keys by the same providers, or by
objects, whichever they are.
"""

import dataclasses
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from lifescope import errors
from lifescope._declare.registry import read
from lifescope._graph import generics
from lifescope._graph.graph import Graph
from lifescope._graph.share import affected, shared
from lifescope._graph.validate import build
from lifescope._model.keys import Key, list_of
from lifescope._model.provider import Declaration, Kind, Provider
from lifescope._model.scopes import ScopeOrder
from lifescope._runtime.closing import MISSING
from lifescope._runtime.engine import Engine
from lifescope._runtime.observing import Observers
from lifescope._runtime.overlays import OverlayScope
from lifescope._runtime.scope import OpenScope

__all__ = ["Replaced", "Setup", "Setups", "value_provider"]

Replaced = Mapping[Key, Declaration | None]
"""Key to the declaration of a replacement; to None, if that is an object."""

_FIELDS = dataclasses.fields(Declaration)

_MOST_KEPT = 64
"""Engines with overrides, for each engine without: the oldest goes first."""


class Setup:
    """An engine, and those that are the same but for some overrides.

    Attributes:
        declared: The providers, none of them shared with an app scope below.
        ready: The keys of objects that are there already.
        wholes: Those of app scopes, by what is replaced in them.
        overlays: Those of overlays, by what is replaced in them.
    """

    def __init__(
        self, engine: Engine, declared: Sequence[Provider], ready: Collection[Key]
    ) -> None:
        self.engine = engine
        self.declared = declared
        self.ready = ready
        self.wholes: dict[object, Setup] = {}
        self.overlays: dict[object, Setup | Light] = {}
        engine.origin = self

    def open_above(self, base: OpenScope, ready: Mapping[Key, Any]) -> OverlayScope:
        """An overlay above *base*."""
        return self.engine.open_above(base, ready)


class Setups:
    """Makes engines with overrides, and keeps them.

    Args:
        scopes: Those of the container.
        container: Whose engines they are.
    """

    def __init__(self, scopes: ScopeOrder, container: object) -> None:
        self.scopes = scopes
        self.observers = Observers()
        self.asked: set[Key] = set()
        self._container = container
        self._declarations: dict[object, Declaration] = {}
        self.lock = threading.RLock()

    def known(self, declaration: Declaration) -> Declaration:
        """The first that says the same in the same place: a fixture makes one for each test."""
        said = {each.name: getattr(declaration, each.name) for each in _FIELDS}
        if said.pop("local_names"):
            return declaration
        shape = (id(said.pop("target")), *said.values())  # which one is kept as long as this is
        try:
            hash(shape)
        except TypeError:  # what a key is annotated with
            return declaration
        with self.lock:
            if shape not in self._declarations:
                _keep(self._declarations, shape, declaration)
            return self._declarations[shape]

    def first(self, graph: Graph, ready: Collection[Key]) -> Setup:
        """Without any override."""
        return Setup(self._engine(graph, ready, ()), graph.declared, ready)

    def whole(self, setup: Setup, replaced: Replaced) -> Setup:
        """*setup* with what is *replaced*, for app scopes.

        Raises:
            GraphError: A replacement does not fit.
        """
        with self.lock:
            shape = frozenset(replaced.items())
            found = setup.wholes.get(shape)
            if found is None:
                declared, _ = self._declared(setup, replaced)
                undecorated = {*setup.engine.graph.overridden, *replaced}
                place = setup.engine.graph.place
                graph, problems = build(declared, self.scopes, place, undecorated=undecorated)
                if problems:
                    raise errors.GraphError.of(problems)
                ready = _ready(setup, replaced)
                found = Setup(self._engine(graph, ready, undecorated), declared, ready)
                _keep(setup.wholes, shape, found)
            return found

    def above(self, base: OpenScope, replaced: Replaced) -> "Setup | Light":
        """What is above *base*, an app scope, for overlays in which that is *replaced*.

        Raises:
            GraphError: A replacement does not fit.
        """
        with self.lock:
            light = getattr(base, "light", None)
            origin: Setup | Light = base._engine.origin if light is None else light
            shape = frozenset(replaced.items())
            found = origin.overlays.get(shape)
            if found is None:
                found = Light.fitting(self, base, replaced) or self.overlay(origin, replaced)
                _keep(origin.overlays, shape, found)
            return found

    def overlay(
        self, below: "Setup | Light", replaced: Replaced, light: "Light | None" = None
    ) -> Setup:
        """An engine that shares with one *below* it all that is not affected."""
        setup = below if isinstance(below, Setup) else below.setup
        place = setup.engine.graph.place
        declared, replacing = self._declared(setup, replaced)
        undecorated = {*setup.engine.graph.overridden, *replaced}
        if light is not None and light.is_plain:
            again = {*light.again, *replacing}
        else:
            is_plain = not any(replaced.values())
            graph, problems = build(
                declared, self.scopes, place, undecorated=undecorated, is_checked=is_plain
            )
            if problems:
                raise errors.GraphError.of(problems)
            again = affected(graph, replacing)
        pairs = zip(setup.declared, setup.engine.graph.declared, strict=True)
        twins = {id(provider): twin for provider, twin in pairs}
        over = [_on(each, twins) for each in shared(declared, again, self.scopes.widest)]
        graph, _ = build(over, self.scopes, place, undecorated=undecorated, is_checked=True)
        ready = _ready(setup, replaced)
        engine = self._engine(graph, ready, undecorated, light)
        return Setup(engine, declared, ready)

    def _declared(self, setup: Setup, replaced: Replaced) -> tuple[list[Provider], list[Provider]]:
        replacing = [_replacement(key, own, self.scopes) for key, own in replaced.items()]
        return [*_without(setup.declared, replaced), *replacing], replacing

    def _engine(
        self,
        graph: Graph,
        ready: Collection[Key],
        undecorated: Collection[Key],
        light: "Light | None" = None,
    ) -> Engine:
        slot_of = None if light is None else light.slot_of
        return Engine(
            graph, ready, self._container, self.observers, self.asked, undecorated, slot_of
        )


class Light:
    """An overlay in which the scopes inside are those of the app below.

    That is so where all that is replaced lives in the app scope, and so does what replaces it.
    Then nothing changes for whoever asks from a request: the same code reads the same slots,
    of the overlay. An engine of its own is made only when something has to be made again.

    Args:
        setups: Makes it.
        below: What the overlay is above.
        inside: The engine of the scopes inside.
        replaced: What is replaced.
        again: The app-scoped providers of *inside* that need what is replaced.
        is_plain: Nothing but objects are replacements, here and below.
    """

    def __init__(
        self,
        setups: Setups,
        below: "Setup | Light",
        inside: Engine,
        replaced: Replaced,
        again: Collection[Provider],
        *,
        is_plain: bool,
    ) -> None:
        self._setups = setups
        self._below = below
        self.inside = inside
        self._replaced = replaced
        self.again = again
        self.is_plain = is_plain
        self.overlays: dict[object, Setup | Light] = {}
        found = {key: inside.graph.find(key) for key in replaced}
        self._tops = {provider: key for key, provider in found.items() if provider is not None}
        self._slots = {key: inside.slots[provider] for provider, key in self._tops.items()}
        widest = inside.graph.scopes.widest
        made_here = {*again, *self._tops}
        self._shared_slots = [
            inside.slots[provider]
            for provider in inside.graph.providers
            if provider.scope == widest and provider not in made_here
        ]
        app_class = inside.app_class
        members: dict[str, Any] = {
            "light": self,
            "_resolvers": {},
            "_resolvers_now": {},
            "_engine": property(lambda _: self.engine),
            "_inside": inside,
        }
        self._class: Any = type("OpenScope", (LightOverlay, app_class), members)

    @classmethod
    def fitting(cls, setups: Setups, base: OpenScope, replaced: Replaced) -> "Light | None":
        """One above *base*; None where it has to have scopes of its own inside."""
        below: Light | None = getattr(base, "light", None)
        inside = base._inside
        graph, widest = inside.graph, inside.graph.scopes.widest
        is_plain = not any(replaced.values())
        for provider in graph.declared:  # of these the graph does not tell what they need
            if provider.kind is Kind.SHARED or generics.pattern_of(provider) is not None:
                return None
        if below is not None and not (below.is_plain and is_plain):
            return None
        tops = [graph.find(key) for key in replaced]
        for top in tops:
            if top is None or top.scope != widest or not all(key in replaced for key in top.keys):
                return None
            if not is_plain and top.kind in (Kind.VALUE, Kind.SUPPLIED):
                return None
        if any(own is not None and own.scope != widest for own in replaced.values()):
            return None
        origin: Setup | Light = base._engine.origin if below is None else below
        if not is_plain:
            setups.whole(base._engine.origin, replaced)  # whether it fits
        objects = [] if below is None else below.replaced_providers()  # these need nothing
        found = affected(graph, [top for top in tops if top is not None], besides=objects)
        again = {each for each in found if each.scope == widest and each not in tops}
        return cls(setups, origin, inside, replaced, again, is_plain=is_plain)

    def replaced_providers(self) -> list[Provider]:
        """The providers of the app below for which there are replacements, here or between."""
        below = self._below
        return [*self._tops, *(below.replaced_providers() if isinstance(below, Light) else ())]

    @cached_property
    def setup(self) -> Setup:
        """The engine that makes what is made again, and its overrides."""
        with self._setups.lock:
            setup = self._setups.overlay(self._below, self._replaced, self)
            setup.engine.is_of(self._class)
            return setup

    @property
    def engine(self) -> Engine:
        """The engine that makes what is made again."""
        return self.setup.engine

    def slot_of(self, provider: Provider) -> str | None:
        """The slot of a provider of that engine, if there is one for it in the app below."""
        original: Provider | None = provider
        while original is not None:
            if (slot := self.inside.slots.known(original)) is not None:
                return slot
            original = original.leads_to if original.kind is Kind.SHARED else None
        below = self._below if isinstance(self._below, Light) else None
        return self._slots.get(provider.key) or (below.slot_of(provider) if below else None)

    def own(self, provider: Provider) -> Provider | None:
        """What makes here what *provider* makes in the app below; None if that is shared."""
        if provider in self.again:
            return provider
        key = self._tops.get(provider)
        return self.engine.graph.find(key) if key is not None else None

    def open_above(self, base: OpenScope, ready: Mapping[Key, Any]) -> OverlayScope:
        """An overlay above *base*."""
        overlay: OverlayScope = self._class(base)
        theirs, own = base.__dict__, overlay.__dict__
        for slot in self._shared_slots:
            if slot in theirs:
                own[slot] = theirs[slot]
        for key, value in ready.items():
            own[self._slots[key]] = value
        return overlay


class LightOverlay(OverlayScope):
    """An overlay that is asked for what the app below provides, by the scopes inside."""

    light: Light

    async def _acquire(self, provider: Provider) -> Any:
        slot = self._inside.slots.known(provider)
        own = provider if slot is None else self.light.own(provider)
        if own is not None or slot is None:
            return await super()._acquire(own or provider)
        value = self._there(slot, provider)
        if value is not MISSING:
            return value
        value = await self.base._acquire(provider)
        setattr(self, slot, value)
        return value

    def _acquire_now(self, provider: Provider) -> Any:
        slot = self._inside.slots.known(provider)
        own = provider if slot is None else self.light.own(provider)
        if own is not None or slot is None:
            return super()._acquire_now(own or provider)
        value = self._there(slot, provider)
        if value is not MISSING:
            return value
        value = self.base._acquire_now(provider)
        setattr(self, slot, value)
        return value

    def _there(self, slot: str, provider: Provider) -> Any:
        """What is shared, if it is there."""
        value = getattr(self, slot)
        if value is MISSING and self.closed:
            raise self.closed_error(str(provider.key))
        return value

    def maker_of(
        self, engine: Engine, provider: Provider, asker: OpenScope
    ) -> tuple[Engine, Provider, OpenScope]:
        if engine is not self._inside:
            return super().maker_of(engine, provider, asker)
        if provider in self.light.again:
            return engine, provider, asker
        own = self.light.own(provider)
        if own is not None:
            return self.light.engine, own, asker
        return self.base.maker_of(engine, provider, asker)


def value_provider(key: Key, scopes: ScopeOrder) -> Provider:
    """A provider for an object that is there already; it is never released."""
    return Provider((key,), scopes.widest, Kind.VALUE, type(None))


def _keep(kept: dict[object, Any], shape: object, made: object) -> None:
    while len(kept) >= _MOST_KEPT:  # fakes that are local functions
        del kept[next(iter(kept))]
    kept[shape] = made


def _ready(setup: Setup, replaced: Replaced) -> set[Key]:
    given = {key for key, own in replaced.items() if own is None}
    return given.union(key for key in setup.ready if key not in replaced)


def _replacement(key: Key, declaration: Declaration | None, scopes: ScopeOrder) -> Provider:
    """The provider for *key* that is declared; without a declaration, for an object."""
    if declaration is None:
        return value_provider(key, scopes)
    providers, problems = read([dataclasses.replace(declaration, provides=(key,), name=None)])
    if problems:
        raise errors.GraphError.of(problems)
    # A fake need not be what its annotation says, if the test says that it stands for the key.
    return dataclasses.replace(
        providers[0], keys=(key,), replace=False, decorate=False, many=False, result=None
    )


def _on(provider: Provider, twins: Mapping[int, Provider]) -> Provider:
    """A shared provider, so that it stands for the one in the graph of the app scope below."""
    if provider.kind is not Kind.SHARED:
        return provider
    return dataclasses.replace(provider, leads_to=twins[id(provider.leads_to)])


def _asked_as(provider: Provider, key: Key) -> Key:
    """The key under which others ask: a contribution is a part of a list."""
    return list_of(key) if provider.many else key


def _without(providers: Sequence[Provider], replaced: Collection[Key]) -> list[Provider]:
    """*providers* without the replaced keys; one with several keys keeps the others."""
    kept: list[Provider] = []
    for provider in providers:
        keys = tuple(key for key in provider.keys if _asked_as(provider, key) not in replaced)
        if keys == provider.keys:
            kept.append(provider)
        elif keys:
            kept.append(dataclasses.replace(provider, keys=keys))
    return kept
