"""What has another word elsewhere: one small piece for each, tested in test_words.py."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, NewType, Protocol

from fastapi import FastAPI
from starlette.requests import Request

from lifescope import Container, Current, Factory, Lazy, Named, inject, provider, supplied
from lifescope import Inject as Injected
from migrate.orders import Prices

# --8<-- [start:interface]


class Mailer(Protocol):
    async def send(self, text: str) -> None: ...


@provider(scope="app", provides=Mailer)
class SmtpMailer:
    async def send(self, text: str) -> None: ...


# --8<-- [end:interface]


# --8<-- [start:named]
class Database:
    def __init__(self, url: str) -> None:
        self.url = url


@provider(scope="app")
def primary() -> Database:
    return Database("primary")


@provider(scope="app", name="replica")
def replica() -> Database:
    return Database("replica")


@provider(scope="request")
class Report:
    def __init__(self, db: Annotated[Database, Named("replica")]) -> None:
        self.url = db.url


# --8<-- [end:named]


# --8<-- [start:request]
Tenant = NewType("Tenant", str)


@provider(scope="request")
def tenant(request: Request) -> Tenant:
    return Tenant(request.headers["x-tenant"])


# --8<-- [end:request]


# --8<-- [start:supplied]
@dataclass
class Job:
    number: int


@provider(scope="request")
class Handler:
    def __init__(self, job: Job) -> None:
        self.number = job.number


async def work(container: Container) -> int:
    async with container.open() as app, app.open(values={Job: Job(7)}) as scope:
        return (await scope.get(Handler)).number


jobs = Container(supplied(Job, scope="request"), Handler)
# --8<-- [end:supplied]


# --8<-- [start:many]
class Rule:
    name = "any"


@provider(scope="app", provides=Rule, many=True)
class NotTooLong(Rule):
    name = "not too long"


@provider(scope="app", provides=Rule, many=True)
class NotEmpty(Rule):
    name = "not empty"


@provider(scope="app")
class Rules:
    def __init__(self, rules: list[Rule]) -> None:
        self.names = [rule.name for rule in rules]


# --8<-- [end:many]


# --8<-- [start:decorate]
class Greeter:
    def greet(self) -> str:
        return "hello"


class LoudGreeter(Greeter):
    def __init__(self, inner: Greeter) -> None:
        self._inner = inner

    def greet(self) -> str:
        return self._inner.greet().upper()


greeters = Container(
    provider(Greeter, scope="app"),
    provider(LoudGreeter, scope="app", provides=Greeter, decorate=True),
)
# --8<-- [end:decorate]


# --8<-- [start:later]
class Cart:
    pass


@provider(scope="app")
class Shop:
    def __init__(
        self, heavy: Lazy[Database], new_cart: Factory[Cart], tenant: Current[Tenant]
    ) -> None:
        self.heavy = heavy
        self.new_cart = new_cart
        self.tenant = tenant


# --8<-- [end:later]


# --8<-- [start:configuration]
@dataclass(frozen=True)
class Config:
    database_url: str
    max_size: int = 10

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Config":
        return cls(environment["DATABASE_URL"], int(environment.get("MAX_SIZE", "10")))


@provider(scope="app")
def config() -> Config:
    return Config.read(os.environ)


@provider(scope="app")
async def pool(config: Config) -> AsyncIterator[Database]:
    yield Database(f"{config.database_url}?max={config.max_size}")


# --8<-- [end:configuration]


# --8<-- [start:selector]
def storage(config: Config) -> list[object]:
    """The sources of the container, in plain Python."""
    return [primary] if config.max_size > 1 else [replica]


# --8<-- [end:selector]


# --8<-- [start:function]
@inject
async def nightly(report: Injected[Report]) -> str:
    return report.url


async def run_nightly(container: Container) -> str:
    async with container.open() as app, app.open() as scope:
        url: str = await scope.call(nightly)
    return url


# --8<-- [end:function]


# --8<-- [start:handlers]
class Handlers:
    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    async def price(self, item: str) -> int:
        return await self._prices.of(item)


def create_app(prices: Prices) -> FastAPI:
    app = FastAPI()
    app.add_api_route("/prices/{item}", Handlers(prices).price)
    return app


# --8<-- [end:handlers]
