"""Programs in which something is missing."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Generic, Protocol, TypeVar

from lifescope import Container, Factory, Lazy, Named, provider, supplied
from texts import elsewhere
from texts.programs import SECRET, program

T = TypeVar("T")


class Mailer: ...


class Settings:
    def __repr__(self) -> str:
        return SECRET


@program
def missing_direct() -> None:
    """C01: Nothing is close to it."""

    class Cellar: ...

    @provider(scope="app")
    def open_mailer(cellar: Cellar, password: str = SECRET) -> Mailer: ...

    Container(open_mailer)


@program
def missing_transitive() -> None:
    """C02: The way from what nobody needs, with a generator, a class and a function."""

    class Gateway: ...

    class Session: ...

    @provider(scope="request")
    class Orders:
        def __init__(self, settings: Settings, session: Session) -> None: ...

    @provider(scope="request")
    def open_session(settings: Settings, gateway: Gateway) -> Iterator[Session]:
        yield Session()

    class Report: ...

    @provider(scope="request")
    async def make_report(orders: Orders) -> Report: ...

    Container(make_report, Orders, open_session, values={Settings: Settings()})


@program
def missing_input() -> None:
    """C18: What comes from outside has to be declared."""

    class Tenant: ...

    class Basket: ...

    @provider(scope="request")
    def basket(tenant: Tenant, mailer: Mailer) -> Basket: ...

    Container(basket, supplied(Mailer, scope="request"))


@program
def missing_text() -> None:
    """A str has to have a name."""

    @provider(scope="app")
    def connect(host: str, password: str = SECRET) -> Mailer: ...

    Container(connect)


@program
def missing_for_many() -> None:
    """K03: One cause, wanted from five places."""

    class Printer: ...

    def asking(number: int) -> Any:
        class Invoice:
            def __init__(self, printer: Printer) -> None: ...

        Invoice.__qualname__ = f"Invoice{number}"
        return provider(Invoice, scope="request")

    Container([asking(number) for number in range(5)])


@program
def missing_other_module() -> None:
    """K02, K04: Two classes are called the same."""

    class Repository: ...

    @provider(scope="request")
    def service(repository: Repository) -> Mailer: ...

    Container(service, provider(elsewhere.Repository, scope="request"))


@program
def missing_other_name() -> None:
    """B06, K04: The same type is there, under other names."""

    class Database: ...

    @provider(scope="app", name="primary")
    def primary() -> Database: ...

    @provider(scope="app", name="replica")
    def replica() -> Database: ...

    @provider(scope="app")
    def service(database: Annotated[Database, Named("archive")]) -> Mailer: ...

    Container(primary, replica, service)


@program
def missing_subclass() -> None:
    """B12, K04: A subclass is there."""

    class Storage: ...

    class DiskStorage(Storage): ...

    @provider(scope="request")
    def service(storage: Storage) -> Mailer: ...

    Container(service, provider(DiskStorage, scope="app"))


@program
def missing_base() -> None:
    """K04: Its base class is there."""

    class Storage: ...

    class DiskStorage(Storage): ...

    @provider(scope="app")
    def open_storage() -> Storage: ...

    @provider(scope="request")
    def service(storage: DiskStorage) -> Mailer: ...

    Container(service, open_storage)


class Table(Generic[T]): ...


@program
def missing_other_argument() -> None:
    """B08, K04: The same generic class is there, with another argument."""

    class User: ...

    class Order: ...

    @provider(scope="app")
    def users() -> Table[User]: ...

    @provider(scope="app")
    def service(orders: Table[Order]) -> Mailer: ...

    Container(users, service)


@program
def missing_protocol() -> None:
    """B12, K04: A class has all that the protocol asks for."""

    class Clock(Protocol):
        def now(self) -> float: ...

    @provider(scope="app")
    class SystemClock:
        def now(self) -> float: ...

    @provider(scope="app")
    def service(clock: Clock) -> Mailer: ...

    Container(service, SystemClock)


@program
def missing_similar() -> None:
    """K04: Something is spelled almost like it."""

    class Notifier: ...

    class Notifiers: ...

    @provider(scope="app")
    def service(notifier: Notifiers) -> Mailer: ...

    Container(service, provider(Notifier, scope="app"))


@program
def missing_left_out() -> None:
    """K04: It is marked, but was not passed on."""

    class Ledger: ...

    @provider(scope="app")
    def open_ledger() -> Ledger: ...

    @provider(scope="app")
    def service(ledger: Ledger) -> Mailer: ...

    Container(service)


@program
def missing_near_misses() -> None:
    """K04: Of many, the three closest."""

    class Queue: ...

    class FastQueue(Queue): ...

    class Queues: ...

    @provider(scope="app")
    def service(queue: Queue) -> Mailer: ...

    Container(
        service,
        provider(Queues, scope="app"),
        provider(FastQueue, scope="app"),
        [provider(Queue, scope="app", name=f"queue {n}") for n in range(4)],
    )


@program
def missing_behind_a_handle() -> None:
    """C08: It is not the handle that is missing; the way goes through another handle."""

    class Index: ...

    class Search: ...

    @provider(scope="app")
    def open_search(lock: Mailer, index: Factory[Index]) -> Search: ...

    @provider(scope="app")
    class Pages:
        def __init__(self, search: Lazy[Search]) -> None: ...

    Container(open_search, Pages, provider(Mailer, scope="app"))


@program
def missing_in_a_list() -> None:
    """C07: The way goes through a list."""

    class Plugin: ...

    class Catalogue: ...

    @provider(scope="app", many=True)
    def images(catalogue: Catalogue) -> Plugin: ...

    @provider(scope="app")
    def service(plugins: list[Plugin]) -> Mailer: ...

    Container(images, service)


@program
def missing_for_a_partial() -> None:
    """A method, and a partial of a function: what was bound does not show."""

    class Channel: ...

    class Broker:
        def connect(self, channel: Channel) -> Mailer: ...

    def open_broker(url: str, mailer: Mailer) -> Settings: ...

    bound = partial(open_broker, SECRET)
    Container(
        provider(bound, scope="app", provides=Settings), provider(Broker().connect, scope="app")
    )


@program
def missing_in_long_signatures() -> None:
    """Of long signatures, only the parameter is shown; long paths have their own lines."""

    class Exporter: ...

    class Warehouse: ...

    @provider(scope="request")
    class QuarterlyReport:
        def __init__(
            self,
            first_parameter: Mailer,
            another_parameter: Mailer,
            warehouse_of_the_quarter: Warehouse,
            one_more: Mailer,
        ) -> None: ...

    @provider(scope="request")
    def open_the_warehouse_of_the_quarter(mailer: Mailer, exporter: Exporter) -> Warehouse: ...

    Container(QuarterlyReport, open_the_warehouse_of_the_quarter, provider(Mailer, scope="app"))


@program
def missing_twice_in_one_signature() -> None:
    """Two parameters of one function, and one key twice."""

    class Hammer: ...

    class Nails: ...

    @provider(scope="app")
    def build(hammer: Hammer, spare: Hammer, nails: Nails) -> Mailer: ...

    Container(build)


@program
def missing_after_5000_steps() -> None:
    """L: The middle of a long chain is left out."""

    def step(number: int) -> tuple[type, Any]:
        cls = type(f"Step{number}", (), {"__module__": __name__})
        return cls, number

    classes = [step(number)[0] for number in range(5_001)]

    def link(number: int) -> Any:
        def needs(below: Any) -> Any: ...

        needs.__annotations__ = {"below": classes[number + 1], "return": classes[number]}
        needs.__qualname__ = f"make_{number}"
        return provider(needs, scope="app")

    Container([link(number) for number in range(5_000)])


@program
async def missing_asked_by_hand() -> None:
    """B06: Somebody asks with `get`."""

    class Parcel: ...

    async with Container(provider(Mailer, scope="app")).open() as app:
        await app.get(Parcel)
