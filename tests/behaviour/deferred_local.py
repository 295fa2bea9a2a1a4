"""Providers and functions with deferred annotations that name classes of the function around."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from behaviour.deferred_base import Base, Clock
from lifescope import Container, Inject, Named, inject, provider


class Session:
    pass


SessionAlias = Inject[Session]
Replica = Annotated[Session, Named("replica")]


@dataclass(kw_only=True)
class Derived(Base):
    session: Session


def local_container() -> tuple[Container, type, type]:
    """Everything here is known in this function alone."""

    class Engine:
        pass

    class Service:
        def __init__(self, engine: Engine, label: Label = "none") -> None:
            self.engine = engine
            self.label = label

    Label = str

    @provider(scope="app")
    async def engine() -> AsyncIterator[Engine]:
        yield Engine()

    return Container(engine, provider(Service, scope="app")), Engine, Service


def local_injected() -> tuple[Container, Any, Any, type]:
    class Engine:
        pass

    @inject
    async def coroutine(number: int, engine: Inject[Engine]) -> tuple[int, Engine]:
        return number, engine

    @inject
    def function(number: int, engine: Inject[Engine]) -> tuple[int, Engine]:
        return number, engine

    return Container(provider(Engine, scope="app")), coroutine, function, Engine


@inject
async def module_level(session: Inject[Session], clock: Inject[Clock | None] = None) -> Any:
    return session, clock


@inject
async def with_alias(session: SessionAlias) -> Session:
    return session


@inject
async def with_local_type_elsewhere(session: Inject[Session], other: NotDefined = None) -> Session:  # noqa: F821
    return session


@inject
async def defined_below(later: Inject[Later]) -> Later:
    return later


class Later:
    pass


@provider(scope="app")
def replica() -> Replica:
    return Session()


@provider(scope="app")
class NeedsLater:
    def __init__(self, later: Later) -> None:
        self.later = later
