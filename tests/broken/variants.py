"""Mistakes that people make, one in each variant of an example.

A variant is an example with a few changes. What somebody does about it who reads the message,
and does to the letter what stands behind "Fix:", is a change as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["VARIANTS", "Edit", "Variant"]

APP, PROVIDERS = "shop/app.py", "shop/providers.py"
ANNOTATED = "from typing import Annotated\nfrom lifescope import Named\n"


@dataclass(frozen=True)
class Edit:
    """A text that stands in a file once, and what stands there instead.

    Attributes:
        at: What begins in the line that is to be changed, if that is not the new text itself.
    """

    file: str
    old: str
    new: str
    at: str = ""


@dataclass(frozen=True)
class Variant:
    """A mistake.

    Attributes:
        about: What somebody has done.
        wrong: The mistake. Each of its edits is a line to change, if `lines` names no others.
        mend: What the first way out of each problem says, on top of that.
        lines: The lines to change, as a file and a text in it, where they are not those that were
            changed.
        app: What is checked.
    """

    about: str
    wrong: tuple[Edit, ...]
    mend: tuple[Edit, ...]
    lines: tuple[tuple[str, str], ...] = ()
    app: str = "shop.app:app"

    def lines_to_change(self) -> list[tuple[str, str]]:
        """A text that begins in each of them, with its file."""
        changed = [(edit.file, edit.at or edit.new) for edit in self.wrong]
        return [*self.lines] or changed


VARIANTS: dict[str, Variant] = {}


def variant(
    name: str,
    about: str,
    *edits: Edit,
    mend: "Edit | list[Edit]",
    lines: list[tuple[str, str]] | None = None,
    app: str = "shop.app:app",
) -> None:
    """Add one."""
    assert name not in VARIANTS
    mended = tuple(mend) if isinstance(mend, list) else (mend,)
    VARIANTS[name] = Variant(about, edits, mended, tuple(lines or ()), app)


def line(file: str) -> Callable[..., Edit]:
    """Edits of one file."""

    def edit(old: str, new: str, at: str = "") -> Edit:
        return Edit(file, old, new, at)

    return edit


app, providers = line(APP), line(PROVIDERS)
customers, operations = line("shop/web/customers.py"), line("shop/web/operations.py")
catalogue, health = line("shop/web/catalogue.py"), line("shop/health.py")

# --- what the container gets ------------------------------------------------------------------

variant(
    "list_forgotten",
    "A list of providers is not handed to the container.",
    app("Container(providers, providers.domain)", "Container(providers)"),
    mend=app("Container(providers)", "Container(providers, providers.domain)"),
)
variant(
    "module_forgotten",
    "A module is not handed to the container.",
    app("Container(providers, providers.domain)", "Container(providers.domain)"),
    mend=app("Container(providers.domain)", "Container(providers.domain, providers)"),
)
variant(
    "module_without_marks",
    "A module is handed in that has nothing to provide.",
    app("Container(providers, providers.domain)", "Container(mail, providers, providers.domain)"),
    app("from shop import providers\n", "from shop import mail, providers\n", at="container ="),
    mend=app("Container(mail, ", "Container("),
    lines=[(APP, "container =")],
)
variant(
    "class_without_mark",
    "A class is handed to the container, but nothing says how long it lives.",
    providers('    provider(Caller, scope="request"),\n', "    Caller,\n"),
    mend=[
        line("shop/tenants.py")("class Caller:", '@provider(scope="request")\nclass Caller:'),
        line("shop/tenants.py")(
            "import dataclass\n", "import dataclass\n\nfrom lifescope import provider\n"
        ),
    ],
    lines=[("shop/tenants.py", "class Caller:"), (APP, "container =")],
)
variant(
    "mark_forgotten_on_function",
    "A function beside the others has no mark.",
    providers('@provider(scope="app")\ndef tenants', "def tenants"),
    mend=providers("def tenants", '@provider(scope="request")\ndef tenants'),
)
variant(
    "class_forgotten",
    "A class of the domain is in no list of providers.",
    providers('    provider(Customers, scope="call"),\n', ""),
    mend=[
        line("shop/customers.py")("class Customers:", '@provider(scope="call")\nclass Customers:'),
        line("shop/customers.py")(
            "from shop.database", "from lifescope import provider\nfrom shop.database"
        ),
        app("providers.domain)", "providers.domain, Customers)"),
        app("from shop.settings", "from shop.customers import Customers\nfrom shop.settings"),
    ],
    lines=[("shop/customers.py", "class Customers:"), (APP, "container =")],
)

# --- scopes -----------------------------------------------------------------------------------

variant(
    "scope_misspelled",
    "The name of a scope is misspelled.",
    providers('@provider(scope="app")\ndef tenants', '@provider(scope="ap")\ndef tenants'),
    mend=providers('scope="ap")', 'scope="app")'),
)
variant(
    "scope_misspelled_elsewhere",
    "The same, for a function of another module.",
    providers('mail.load_templates, scope="app"', 'mail.load_templates, scope="application"'),
    mend=providers('scope="application"', 'scope="app"'),
)
variant(
    "captive",
    "What lives as long as the app asks for something of the request.",
    providers("def statistics(tenant: Current[Tenant])", "def statistics(tenant: Tenant)"),
    mend=providers("def statistics(tenant: Tenant)", "def statistics(tenant: Current[Tenant])"),
)
variant(
    "captive_through_a_transient",
    "The same, with something in between that has no scope of its own.",
    providers(
        "async def system_session(engine: AsyncEngine)",
        "async def system_session(engine: AsyncEngine, tenant: Tenant)",
    ),
    mend=providers(
        "async def system_session(engine: AsyncEngine, tenant: Tenant)",
        "async def system_session(engine: AsyncEngine, tenant: Current[Tenant])",
    ),
)
variant(
    "captive_in_a_list",
    "One of several contributions lives shorter than who asks for all of them.",
    providers('provider(ManyOfOne, scope="app"', 'provider(ManyOfOne, scope="request"'),
    mend=providers('provider(Pricing, scope="app")', 'provider(Pricing, scope="request")'),
)
variant(
    "captive_in_a_decorator",
    "What is decorated lives shorter than what decorates it.",
    providers(
        '@provider(scope="app", provides=Gateway)', '@provider(scope="request", provides=Gateway)'
    ),
    mend=providers(
        '@provider(scope="request", provides=Gateway)', '@provider(scope="app", provides=Gateway)'
    ),
)
variant(
    "supplied_in_a_narrow_scope",
    "What the whole app needs is handed in for a request.",
    providers('supplied(Settings, scope="app")', 'supplied(Settings, scope="request")'),
    mend=providers('supplied(Settings, scope="request")', 'supplied(Settings, scope="app")'),
)

# --- who needs whom ---------------------------------------------------------------------------

variant(
    "cycle_of_two",
    "Two need each other.",
    providers("def outbox(settings: Settings)", "def outbox(settings: Settings, mailer: Mailer)"),
    mend=providers("def mailer(outbox: Outbox,", "def mailer(outbox: Current[Outbox],"),
)
variant(
    "cycle_of_four",
    "Four need each other, one of them in another module.",
    providers("def outbox(settings: Settings)", "def outbox(settings: Settings, gateway: Gateway)"),
    providers(
        "def statistics(tenant: Current[Tenant])",
        "def statistics(tenant: Current[Tenant], mailer: Mailer)",
    ),
    mend=[
        line("shop/payments.py")(
            "inner: Gateway, statistics: Statistics",
            "inner: Gateway, statistics: Current[Statistics]",
        ),
        line("shop/payments.py")(
            "import httpx\n", "import httpx\n\nfrom lifescope import Current\n"
        ),
    ],
)

# --- two where there should be one ------------------------------------------------------------

variant(
    "two_of_one_type",
    "Two clocks.",
    providers(
        "    provider(Pricing,",
        '    provider(StoppedClock, scope="app", provides=Clock),\n    provider(Pricing,',
    ),
    providers(
        "import Clock, SystemClock\n", "import Clock, StoppedClock, SystemClock\n", at="domain"
    ),
    line("shop/clock.py")(
        "class SystemClock:",
        "class StoppedClock:\n"
        "    def now(self) -> datetime:\n"
        "        return datetime(2000, 1, 1, tzinfo=UTC)\n\n\n"
        "class SystemClock:",
    ),
    mend=providers('    provider(StoppedClock, scope="app", provides=Clock),\n', ""),
    lines=[(PROVIDERS, "provider(StoppedClock"), (PROVIDERS, "provider(SystemClock")],
)
variant(
    "name_forgotten_in_provider",
    "Two of one type were to have different names.",
    providers(
        '@provider(scope="app", name="replica")\nasync def replica_engine',
        '@provider(scope="app")\nasync def replica_engine',
    ),
    mend=providers(
        '@provider(scope="app")\nasync def replica_engine',
        '@provider(scope="app", name="replica")\nasync def replica_engine',
    ),
)
variant(
    "decorate_forgotten",
    "One was to decorate the other.",
    providers(
        'provider(CountedGateway, scope="app", provides=Gateway, decorate=True)',
        'provider(CountedGateway, scope="app", provides=Gateway)',
    ),
    mend=providers(
        'provider(CountedGateway, scope="app", provides=Gateway)',
        'provider(CountedGateway, scope="app", provides=Gateway, decorate=True)',
    ),
)
variant(
    "many_forgotten",
    "Two were to contribute to a list.",
    providers(
        'ManyOfOne, scope="app", provides=Discount, many=True',
        'ManyOfOne, scope="app", provides=Discount',
    ),
    providers(
        'ManyProducts, scope="app", provides=Discount, many=True',
        'ManyProducts, scope="app", provides=Discount',
    ),
    mend=[
        providers(
            'ManyOfOne, scope="app", provides=Discount',
            'ManyOfOne, scope="app", provides=Discount, many=True',
        ),
        providers(
            'ManyProducts, scope="app", provides=Discount',
            'ManyProducts, scope="app", provides=Discount, many=True',
        ),
    ],
)

# --- annotations ------------------------------------------------------------------------------

variant(
    "result_without_annotation",
    "A function does not say what it returns.",
    providers("def tenants(settings: Settings) -> Tenants:", "def tenants(settings: Settings):"),
    mend=providers(
        "def tenants(settings: Settings):", "def tenants(settings: Settings) -> Tenants:"
    ),
)
variant(
    "iterator_forgotten",
    "A generator function says what it yields, as if it returned it.",
    providers(
        "async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:",
        "async def session(engine: AsyncEngine) -> AsyncSession:",
    ),
    mend=providers(
        "async def session(engine: AsyncEngine) -> AsyncSession:",
        "async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:",
    ),
)
variant(
    "parameter_without_annotation",
    "A function does not say what it wants.",
    providers("def tenants(settings: Settings)", "def tenants(settings)"),
    mend=providers("def tenants(settings)", "def tenants(settings: Settings)"),
)
variant(
    "parameter_without_annotation_in_a_class",
    "The same, of a class in another module than its provider.",
    health("def __init__(self, checks: list[Check])", "def __init__(self, checks)"),
    mend=health("def __init__(self, checks)", "def __init__(self, checks: list[Check])"),
)
variant(
    "import_for_type_checkers",
    "A linter has moved an import.",
    health(
        "from shop.jobs import Queue\n",
        "if TYPE_CHECKING:\n    from shop.jobs import Queue\n",
        at="from",
    ),
    health(
        "from collections.abc import Mapping\nfrom typing import Protocol",
        "from __future__ import annotations\n\n"
        "from collections.abc import Mapping\nfrom typing import TYPE_CHECKING, Protocol",
    ),
    mend=health(
        "if TYPE_CHECKING:\n    from shop.jobs import Queue\n", "from shop.jobs import Queue\n"
    ),
    lines=[("shop/health.py", "    from shop.jobs import Queue")],
)
variant(
    "name_misspelled",
    "An annotation in quotation marks is misspelled.",
    providers("def tenants(settings: Settings)", 'def tenants(settings: "Setings")'),
    mend=providers('def tenants(settings: "Setings")', "def tenants(settings: Settings)"),
)
variant(
    "enter_forgotten",
    "A function returns something that has to be closed.",
    providers(
        "async def payments_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:",
        "def payments_client(settings: Settings) -> httpx.AsyncClient:",
    ),
    providers(
        "    async with httpx.AsyncClient(base_url=url, transport=fake, timeout=5) as client:\n"
        "        yield client\n",
        "    return httpx.AsyncClient(base_url=url, transport=fake, timeout=5)\n",
    ),
    mend=providers(
        '@provider(scope="app", name="payments")',
        '@provider(scope="app", name="payments", enter=True)',
    ),
)
variant(
    "thread_for_a_coroutine",
    "What is async is to run in a thread.",
    providers(
        '@provider(scope="app", eager=True)', '@provider(scope="app", eager=True, thread=True)'
    ),
    mend=providers("eager=True, thread=True)", "eager=True)"),
)
variant(
    "decorator_without_inner",
    "A decorator asks for one implementation of what it wraps.",
    line("shop/payments.py")("inner: Gateway, attempts: int", "inner: HttpGateway, attempts: int"),
    mend=line("shop/payments.py")(
        "inner: HttpGateway, attempts: int", "inner: Gateway, attempts: int"
    ),
)

# --- the right type ---------------------------------------------------------------------------

variant(
    "name_misspelled_in_provider",
    "The name of a provider is misspelled.",
    providers(
        '@provider(scope="request", name="replica")', '@provider(scope="request", name="replcia")'
    ),
    mend=[
        line("shop/web/orders.py")(
            "session: Inject[ReplicaSession]",
            'session: Inject[Annotated[AsyncSession, Named("replcia")]]',
        ),
        line("shop/web/orders.py")(
            "from lifescope.integrations",
            ANNOTATED + "from lifescope.integrations",
        ),
    ],
)
variant(
    "name_misspelled_by_who_asks",
    "It is misspelled where it is asked for.",
    providers(
        "def replica_check(engine: ReplicaEngine)",
        'def replica_check(engine: Annotated[AsyncEngine, Named("replcia")])',
    ),
    mend=providers("replcia", "replica"),
)
variant(
    "name_forgotten_by_who_asks",
    "It is forgotten where it is asked for.",
    providers("def gateway(client: PaymentsClient)", "def gateway(client: httpx.AsyncClient)"),
    mend=providers(
        "def gateway(client: httpx.AsyncClient)",
        'def gateway(client: Annotated[httpx.AsyncClient, Named("payments")])',
    ),
)
variant(
    "provides_forgotten",
    "A protocol is asked for, and the class that implements it provides only itself.",
    providers(
        'provider(SystemClock, scope="app", provides=Clock)', 'provider(SystemClock, scope="app")'
    ),
    mend=providers(
        'provider(SystemClock, scope="app")', 'provider(SystemClock, scope="app", provides=Clock)'
    ),
)
variant(
    "implementation_asked_for",
    "The other way round: a route asks for the class.",
    operations("health: Inject[Health]", "health: Inject[Health], gateway: Inject[HttpGateway]"),
    operations(
        "import Health\n", "import Health\nfrom shop.payments import Gateway, HttpGateway\n", at="x"
    ),
    mend=operations("gateway: Inject[HttpGateway]", "gateway: Inject[Gateway]"),
    lines=[("shop/web/operations.py", "async def healthz")],
)
variant(
    "one_of_many_asked_for",
    "A route asks for one, where there is a list of them.",
    operations("health: Inject[Health]", "health: Inject[Check]"),
    operations("import Health\n", "import Check, Health\n"),
    mend=operations("health: Inject[Check]", "health: Inject[list[Check]]"),
    lines=[("shop/web/operations.py", "async def healthz")],
)
variant(
    "other_class_of_the_same_name",
    "A class is imported from the wrong module.",
    operations("from shop.tenants import Tenant\n", "from shop.web.schemas import Tenant\n"),
    line("shop/web/schemas.py")(
        "class ProductDraft(", "class Tenant(BaseModel):\n    name: str\n\n\nclass ProductDraft("
    ),
    mend=operations("from shop.web.schemas import Tenant\n", "from shop.tenants import Tenant\n"),
    lines=[("shop/web/operations.py", "from shop.web.schemas")],
)
variant(
    "setting_asked_for",
    "A provider asks for one of the settings.",
    providers("async def engine(settings: Settings)", "async def engine(database_url: str)"),
    providers(
        "    engine = create_engine(settings.database_url)\n    try:\n        await create_tables",
        "    engine = create_engine(database_url)\n    try:\n        await create_tables",
    ),
    mend=[
        providers("async def engine(database_url: str)", "async def engine(settings: Settings)"),
        providers("create_engine(database_url)", "create_engine(settings.database_url)"),
    ],
)
variant(
    "text_asked_for",
    "A provider asks for a text, and there are no settings with it.",
    providers("def tenants(settings: Settings)", "def tenants(owner: str)"),
    providers("return Tenants(settings.tenants)", "return Tenants([owner])"),
    mend=[
        providers("def tenants(owner: str)", 'def tenants(owner: Annotated[str, Named("owner")])'),
        app(
            "container = ",
            '@provider(scope="app", name="owner")\n'
            "def owner() -> str:\n"
            '    return "tea-house"\n\n\n'
            "container = ",
        ),
        app("providers.domain)", "providers.domain, owner)"),
        app("import Container\n", "import Container, provider\n"),
    ],
)
variant(
    "perhaps_none",
    "What a provider gives may be None, and who asks does not know.",
    providers(
        "async def replica_session(engine: ReplicaEngine) -> AsyncIterator[AsyncSession]:",
        "async def replica_session(engine: ReplicaEngine) -> AsyncIterator[AsyncSession | None]:",
    ),
    mend=[
        line("shop/web/orders.py")(
            "session: Inject[ReplicaSession]",
            'session: Inject[Annotated[AsyncSession | None, Named("replica")]]',
        ),
        line("shop/web/orders.py")(
            "from lifescope.integrations",
            ANNOTATED + "from lifescope.integrations",
        ),
    ],
)
variant(
    "wrong_type_argument",
    "A repository is asked for with a class that it is not for.",
    line("shop/orders.py")("        orders: Repo[Order],", "        orders: Repo[OrderLine],"),
    mend=line("shop/orders.py")("        orders: Repo[OrderLine],", "        orders: Repo[Order],"),
)

# --- what is handed in ------------------------------------------------------------------------

variant(
    "supplied_forgotten",
    "What is handed in is not declared.",
    providers('settings = supplied(Settings, scope="app")\n', ""),
    mend=[
        app("providers.domain)", 'providers.domain, supplied(Settings, scope="app"))'),
        app("import Container\n", "import Container, supplied\n"),
    ],
    lines=[(APP, "container =")],
)
variant(
    "values_forgotten",
    "It is declared, and not handed in.",
    app("    values={Settings: Settings.from_env(os.environ)},\n", ""),
    mend=app(
        "    create_app,\n",
        "    create_app,\n    values={Settings: Settings.from_env(os.environ)},\n",
    ),
    lines=[(APP, "app = container.asgi")],
)
variant(
    "values_of_what_is_made",
    "Something is handed in that a provider makes.",
    app("Settings.from_env(os.environ)}", "Settings.from_env(os.environ), Clock: SystemClock()}"),
    app("from shop.settings", "from shop.clock import Clock, SystemClock\nfrom shop.settings"),
    mend=app(", Clock: SystemClock()}", "}"),
    lines=[(APP, "app = container.asgi")],
)
variant(
    "supplied_for_each_request",
    "What nobody can hand in is declared for the scope of each request.",
    providers('provider(Caller, scope="request")', 'supplied(Caller, scope="request")'),
    mend=providers('supplied(Caller, scope="request")', 'provider(Caller, scope="request")'),
)

# --- the edges --------------------------------------------------------------------------------

variant(
    "route_asks",
    "A path function asks for something that nothing provides.",
    customers(
        "number: Number, customers: Inject[Customers]",
        "number: Number, customers: Inject[CustomerView]",
    ),
    mend=customers("Inject[CustomerView]", "Inject[Customers]"),
)
variant(
    "dependency_asks",
    "A function behind Depends does.",
    catalogue("import APIRouter, status", "import APIRouter, Depends, status"),
    catalogue(
        'router = APIRouter(prefix="/products", tags=["catalogue"])\n',
        "class Paging:\n"
        "    size = 20\n\n\n"
        "def page_size(paging: Inject[Paging]) -> int:\n"
        "    return paging.size\n\n\n"
        'router = APIRouter(prefix="/products", dependencies=[Depends(page_size)])\n',
    ),
    mend=[
        catalogue("class Paging:", '@provider(scope="request")\nclass Paging:'),
        catalogue(
            "from lifescope.integrations",
            "from lifescope import provider\nfrom lifescope.integrations",
        ),
        app("providers.domain)", "providers.domain, Paging)"),
        app(
            "from shop.web import create_app",
            "from shop.web import create_app\nfrom shop.web.catalogue import Paging",
        ),
    ],
    lines=[
        ("shop/web/catalogue.py", "class Paging"),
        ("shop/web/catalogue.py", "def page_size"),
        (APP, "container ="),
    ],
)
variant(
    "websocket_asks",
    "A WebSocket does, and the function that makes it is nobody's provider.",
    line("chat/providers.py")('    provider(visit, scope="request"),\n', ""),
    mend=[
        line("chat/visits.py")(
            "@asynccontextmanager", '@provider(scope="request")\n@asynccontextmanager'
        ),
        line("chat/visits.py")(
            "from chat.backend", "from lifescope import provider\nfrom chat.backend"
        ),
    ],
    lines=[
        ("chat/visits.py", "@asynccontextmanager"),
        ("chat/web.py", "async def live"),
        ("chat/app.py", "container ="),
    ],
    app="chat.app:app",
)
variant(
    "factory_asks",
    "The app factory does.",
    line("shop/web/__init__.py")(
        "def create_app() -> FastAPI:", "def create_app(limits: Limits) -> FastAPI:"
    ),
    line("shop/web/__init__.py")(
        "def create_app", "class Limits:\n    size = 20\n\n\ndef create_app"
    ),
    mend=[
        line("shop/web/__init__.py")("class Limits:", '@provider(scope="app")\nclass Limits:'),
        line("shop/web/__init__.py")(
            "from shop.web import", "from lifescope import provider\nfrom shop.web import"
        ),
        app("providers.domain)", "providers.domain, Limits)"),
        app("import create_app\n", "import Limits, create_app\n"),
    ],
    lines=[
        ("shop/web/__init__.py", "class Limits"),
        ("shop/web/__init__.py", "def create_app"),
        (APP, "container ="),
    ],
)
variant(
    "inject_of_the_wrong_module",
    "FastAPI gets the Inject that needs a decorator.",
    customers("from lifescope.integrations.fastapi import Inject", "from lifescope import Inject"),
    mend=customers(
        "from lifescope import Inject", "from lifescope.integrations.fastapi import Inject"
    ),
)
variant(
    "inject_forgotten",
    "An endpoint of Starlette's lacks the decorator.",
    line("chat/web.py")("@inject\nasync def say", "async def say"),
    mend=line("chat/web.py")("async def say", "@inject\nasync def say"),
    app="chat.app:app",
)

# --- and all together -------------------------------------------------------------------------

variant(
    "five_at_once",
    "It was a long day.",
    providers('@provider(scope="app")\ndef tenants', '@provider(scope="application")\ndef tenants'),
    health("def __init__(self, checks: list[Check])", "def __init__(self, checks)"),
    providers(
        '(CountedGateway, scope="app", provides=Gateway, decorate=True)',
        '(CountedGateway, scope="app", provides=Gateway)',
    ),
    providers("def gateway(client: PaymentsClient)", "def gateway(client: httpx.AsyncClient)"),
    providers("def outgoing(queue: Queue", 'def outgoing(queue: "Quue"'),
    mend=[
        providers('scope="application")', 'scope="app")'),
        health("def __init__(self, checks)", "def __init__(self, checks: list[Check])"),
        providers(
            '(CountedGateway, scope="app", provides=Gateway)',
            '(CountedGateway, scope="app", provides=Gateway, decorate=True)',
        ),
        providers(
            "def gateway(client: httpx.AsyncClient)",
            'def gateway(client: Annotated[httpx.AsyncClient, Named("payments")])',
        ),
        providers('def outgoing(queue: "Quue"', "def outgoing(queue: Queue"),
    ],
)
