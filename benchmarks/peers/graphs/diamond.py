"""Eight objects, two of them app-scoped; of the other six, none or three have a release."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from benchmarks.peers.graphs.graph import Graph, Node, parameters
from benchmarks.peers.graphs.witness import tick


class Settings:
    def __init__(self) -> None:
        self.name = "bench"


class Pool:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings


class Session:
    opened = closed = 0

    def __init__(self, pool: Pool) -> None:
        self.pool = pool


class Users:
    def __init__(self, session: Session) -> None:
        self.session = session


class Orders:
    opened = closed = 0

    def __init__(self, session: Session) -> None:
        self.session = session


class Mailer:
    opened = closed = 0

    def __init__(self, settings: Settings, session: Session) -> None:
        self.settings = settings
        self.session = session


class Billing:
    def __init__(self, orders: Orders, mailer: Mailer) -> None:
        self.orders = orders
        self.mailer = mailer


class Root:
    def __init__(self, users: Users, billing: Billing, session: Session) -> None:
        self.users = users
        self.billing = billing
        self.session = session


async def open_session(pool: Pool) -> AsyncIterator[Session]:
    obj = Session(pool)
    obj.opened = tick()
    try:
        yield obj
    finally:
        obj.closed = tick()


async def open_orders(session: Session) -> AsyncIterator[Orders]:
    obj = Orders(session)
    obj.opened = tick()
    try:
        yield obj
    finally:
        obj.closed = tick()


async def open_mailer(settings: Settings, session: Session) -> AsyncIterator[Mailer]:
    obj = Mailer(settings, session)
    obj.opened = tick()
    try:
        yield obj
    finally:
        obj.closed = tick()


# The same three, which really suspend in set-up and in release.


async def suspend_session(pool: Pool) -> AsyncIterator[Session]:
    obj = Session(pool)
    await asyncio.sleep(0)
    obj.opened = tick()
    try:
        yield obj
    finally:
        await asyncio.sleep(0)
        obj.closed = tick()


async def suspend_orders(session: Session) -> AsyncIterator[Orders]:
    obj = Orders(session)
    await asyncio.sleep(0)
    obj.opened = tick()
    try:
        yield obj
    finally:
        await asyncio.sleep(0)
        obj.closed = tick()


async def suspend_mailer(settings: Settings, session: Session) -> AsyncIterator[Mailer]:
    obj = Mailer(settings, session)
    await asyncio.sleep(0)
    obj.opened = tick()
    try:
        yield obj
    finally:
        await asyncio.sleep(0)
        obj.closed = tick()


def plain() -> Graph:
    return _graph("plain", {})


def resources() -> Graph:
    makers = {Session: open_session, Orders: open_orders, Mailer: open_mailer}
    return _graph("resources", makers)


def suspending() -> Graph:
    makers = {Session: suspend_session, Orders: suspend_orders, Mailer: suspend_mailer}
    return _graph("suspending", makers)


_APP = (Settings, Pool)
_REQUEST = (Session, Users, Orders, Mailer, Billing, Root)


def _graph(name: str, makers: dict[type, Callable[..., Any]]) -> Graph:
    nodes = [
        Node(cls, scope, make := makers.get(cls, cls), parameters(make))
        for scope, classes in (("app", _APP), ("request", _REQUEST))
        for cls in classes
    ]
    return Graph(name, tuple(nodes), Root, Pool)
