"""The graphs that are drawn in golden files. What they are made of is never made."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Generic, Protocol, TypeVar

from starlette.requests import Request

from lifescope import (
    Background,
    Container,
    Current,
    Factory,
    GraphError,
    Lazy,
    Named,
    OpenScope,
    provider,
    supplied,
)
from lifescope._declare.signatures import read_entry
from lifescope._model.provider import Entry
from render import elsewhere

SECRET = "hunter2"
"""No drawing may have it: it is a value, a default and a replacement."""

T = TypeVar("T")


class Secret:
    """A value that is there already."""

    def __repr__(self) -> str:
        return SECRET


class Database: ...


class Cache: ...


class Index: ...


class Worker: ...


class Tenant: ...


class User: ...


class Table(Generic[T]): ...


class Repository: ...


class Reader(Protocol): ...


class Writer(Protocol): ...


class Check(Protocol): ...


class Rates(Protocol): ...


@provider(scope="app", eager=True)
async def database(secret: Secret) -> AsyncIterator[Database]:
    yield Database()


@provider(scope="app", name="replica", thread=True)
def replica(secret: Secret, host: str = SECRET) -> Iterator[Database]:
    yield Database()


@provider(scope="app", eager=False)
class Search:
    def __init__(
        self,
        index: Lazy[Index],
        open_worker: Factory[Worker],
        user: Current[User],
        cache: Cache | None,
        later: Lazy[Cache | None],
        size: int = 3,
    ) -> None: ...


@provider(scope="app")
async def index(database: Annotated[Database, Named("replica")]) -> Index: ...


@provider(scope="app")
async def worker() -> AsyncIterator[Worker]:
    yield Worker()


@provider(scope="tenant")
def user(tenant: Tenant) -> User: ...


@provider(scope="app", provides=(Reader, Writer))
class Storage: ...


@provider(scope="app", provides=Check, many=True)
class DatabaseCheck:
    def __init__(self, database: Database) -> None: ...


@provider(scope="app", provides=Check, many=True)
class QueueCheck: ...


@provider(scope="app")
class Health:
    def __init__(self, checks: list[Check]) -> None: ...


@provider(scope="app", provides=Rates)
class BankRates: ...


@provider(scope="app", provides=Rates, decorate=True)
class CachedRates:
    def __init__(self, inner: Rates) -> None: ...


@provider(scope="request")
def table(model: type[T], rates: Rates) -> Table[T]: ...


@provider(scope="transient")
def repository(users: Table[User], write: Writer) -> Iterator[Repository]:
    yield Repository()


@provider(scope="request")
def other_repository(read: Reader) -> elsewhere.Repository: ...


@provider(scope="call")
class Handler:
    def __init__(
        self,
        request: Request,
        scope: OpenScope,
        background: Background,
        mine: Repository,
        other: elsewhere.Repository,
        search: Search,
        health: Health,
    ) -> None: ...


@provider(scope="app")
def fake_index() -> Index: ...


def endpoint(handler: Handler, tables: Table[Tenant]) -> None: ...


def job(missing: Worker, health: Health) -> None: ...


def every_edge() -> Container:
    """One of each: scopes, kinds, relations, marks, and two classes of one name."""
    return Container(
        *(database, replica, Search, index, worker, user, Storage, DatabaseCheck, QueueCheck),
        *(Health, BankRates, CachedRates, table, repository, other_repository, Handler),
        supplied(Tenant, scope="tenant"),
        scopes=("app", "tenant", "request", "call"),
        values={Secret: Secret()},
    )


def entries(*functions: Any) -> list[Entry]:
    """Functions, as the check reads endpoints and jobs."""
    return [read_entry(function, marked=False) for function in functions]


# --- one that fails -----------------------------------------------------------------------------


class A: ...


class B: ...


class Mailer: ...


class Orders: ...


class Session: ...


class Audit: ...


class Clock: ...


@provider(scope="app")
def clock() -> Clock: ...


@provider(scope="app")
def a(b: B, clock: Clock) -> A: ...


@provider(scope="app")
def b(a: A) -> B: ...


@provider(scope="request")
def orders(mailer: Mailer, a: A, clock: Clock) -> Orders: ...


@provider(scope="request")
def session(clock: Clock) -> Session: ...


@provider(scope="transient")
def cursor(session: Session) -> Cache: ...


@provider(scope="app")
def audit(cursor: Cache) -> Audit: ...


@provider(scope="app")
def healthy_user(clock: Clock) -> User: ...


@provider(scope="sesion")
def misspelled() -> Tenant: ...


@provider(scope="request")
def needs_misspelled(tenant: Tenant) -> Worker: ...


def failed(*more: Any) -> GraphError:
    """A circle, a missing key, one that is kept too long, a scope that does not exist; and more."""
    sources = (clock, a, b, orders, session, cursor, audit, healthy_user)
    try:
        Container(*sources, misspelled, needs_misspelled, *more)
    except GraphError as error:
        return error
    raise AssertionError("these do not fit together")
