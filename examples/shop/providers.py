"""How everything is made, how long it lives, and how it is released: the whole composition."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, NewType

import anyio
import httpx
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from lifescope import Current, Factory, Lazy, Named, OpenScope, provider, supplied
from shop import fake_payments, mail
from shop.catalogue import Catalogue
from shop.clock import Clock, SystemClock
from shop.customers import Customers
from shop.database import Repo, create_engine, create_tables
from shop.health import Check, DatabaseCheck, Health, PaymentsCheck, QueueCheck
from shop.jobs import Outgoing, Queue
from shop.mail import Mailer, Outbox, Templates
from shop.orders import Order, OrderRepo, Orders
from shop.payments import CountedGateway, Gateway, HttpGateway, PatientGateway
from shop.pricing import Discount, ManyOfOne, ManyProducts, Pricing
from shop.queues import TaskiqQueue, add_jobs, create_broker
from shop.settings import Settings
from shop.statistics import Statistics
from shop.sweeper import Sweeper
from shop.tenants import Caller, Tenant, Tenants

ReplicaEngine = Annotated[AsyncEngine, Named("replica")]
ReplicaSession = Annotated[AsyncSession, Named("replica")]
PaymentsClient = Annotated[httpx.AsyncClient, Named("payments")]
SystemSession = NewType("SystemSession", AsyncSession)
"""A transaction that belongs to no request and no tenant."""

# --- handed in ------------------------------------------------------------------------------

# --8<-- [start:supplied]
settings = supplied(Settings, scope="app")
# --8<-- [end:supplied]

# --- as long as the app ---------------------------------------------------------------------


@provider(scope="app")
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.database_url)
    try:
        await create_tables(engine)
        yield engine
    finally:
        await engine.dispose()


@provider(scope="app", name="replica")
async def replica_engine(settings: Settings, primary: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Where reading is enough; it asks for the other one, because that makes the tables."""
    engine = create_engine(settings.replica_url or settings.database_url, only_reads=True)
    try:
        yield engine
    finally:
        await engine.dispose()


@provider(scope="app", name="payments")
async def payments_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    url = settings.payments_url or "http://payments.example"
    fake = None if settings.payments_url else httpx.ASGITransport(fake_payments.app)
    async with httpx.AsyncClient(base_url=url, transport=fake, timeout=5) as client:
        yield client


# --8<-- [start:decorate]
@provider(scope="app", provides=Gateway)
def gateway(client: PaymentsClient) -> HttpGateway:
    return HttpGateway(client)


# --8<-- [end:decorate]


# --8<-- [start:queue]
@provider(scope="app")
async def queue(settings: Settings, app: OpenScope) -> AsyncIterator[Queue]:
    broker = create_broker(settings.redis_url)
    add_jobs(broker, lambda: app)  # for the broker in memory, which does them here
    await broker.startup()
    try:
        yield TaskiqQueue(broker)
    finally:
        await broker.shutdown()


# --8<-- [end:queue]


@provider(scope="app")
def tenants(settings: Settings) -> Tenants:
    return Tenants(settings.tenants)


# --8<-- [start:current]
@provider(scope="app")
def statistics(tenant: Current[Tenant]) -> Statistics:
    return Statistics(tenant)


# --8<-- [end:current]


# --8<-- [start:blocking]
@provider(scope="app", thread=True)
def outbox(settings: Settings) -> Iterator[Outbox]:
    with mail.open_outbox(settings.mailbox) as outbox:
        yield outbox


@provider(scope="app")
def mailer(outbox: Outbox, templates: Lazy[Templates]) -> Mailer:
    return Mailer(outbox, templates)


# --8<-- [end:blocking]


# --8<-- [start:sweeper]
@provider(scope="app", eager=True)  # nobody asks for it
async def sweeper(
    open_session: Factory[SystemSession], clock: Clock, engine: AsyncEngine
) -> AsyncIterator[Sweeper]:
    """It asks for the engine, too, which is then there until the last round has ended."""
    sweeper = Sweeper(open_session, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sweeper.run)
        yield sweeper
        tasks.cancel_scope.cancel()


@provider(scope="transient")
async def system_session(engine: AsyncEngine) -> AsyncIterator[SystemSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield SystemSession(session)


# --8<-- [end:sweeper]


@provider(scope="app", provides=Check, many=True)
def database_check(engine: AsyncEngine) -> DatabaseCheck:
    return DatabaseCheck(engine)


@provider(scope="app", provides=Check, many=True)
def replica_check(engine: ReplicaEngine) -> DatabaseCheck:
    return DatabaseCheck(engine, "replica")


@provider(scope="app", provides=Check, many=True)
def payments_check(client: PaymentsClient) -> PaymentsCheck:
    return PaymentsCheck(client)


# --- as long as a request, or a job ---------------------------------------------------------


# --8<-- [start:tenant]
@provider(scope="request")
def tenant(caller: Caller, tenants: Tenants) -> Tenant:
    return tenants.find(caller.tenant)


# --8<-- [end:tenant]


# --8<-- [start:outgoing]
@provider(scope="request")
async def outgoing(queue: Queue, tenant: Tenant) -> AsyncIterator[Outgoing]:
    outgoing = Outgoing()
    yield outgoing
    for job in outgoing.jobs:  # not if the request has failed: that is raised at the yield
        await queue.send(tenant.name, job)


# --8<-- [end:outgoing]


@provider(scope="request", name="replica")
async def replica_session(engine: ReplicaEngine) -> AsyncIterator[AsyncSession]:
    """To read from, also while the body of the response is sent."""
    async with AsyncSession(engine) as session:
        yield session


# --- as long as a call: committed before the response ---------------------------------------


# --8<-- [start:session]
@provider(scope="call")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:session]

# --- the domain, which knows nothing of all this --------------------------------------------

# --8<-- [start:domain]
domain = [
    provider(SystemClock, scope="app", provides=Clock),
    provider(mail.load_templates, scope="app"),
    provider(PatientGateway, scope="app", provides=Gateway, decorate=True),
    provider(CountedGateway, scope="app", provides=Gateway, decorate=True),
    provider(QueueCheck, scope="app", provides=Check, many=True),
    provider(Health, scope="app"),
    provider(ManyOfOne, scope="app", provides=Discount, many=True),
    provider(ManyProducts, scope="app", provides=Discount, many=True),
    provider(Pricing, scope="app"),
    provider(Caller, scope="request"),
    provider(Repo, scope="call"),  # of whatever table
    provider(OrderRepo, scope="call", provides=Repo[Order]),  # but orders have their own
    provider(Catalogue, scope="call"),
    provider(Customers, scope="call"),
    provider(Orders, scope="call"),
]
# --8<-- [end:domain]
