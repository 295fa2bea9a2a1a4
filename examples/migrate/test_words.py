"""The pieces of words.py do what the pages say."""

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from lifescope import Container, current_scope, provider
from migrate import words
from migrate.orders import Prices
from migrate.words import (
    Cart,
    Config,
    Database,
    Greeter,
    Mailer,
    Report,
    Rules,
    Shop,
    SmtpMailer,
    Tenant,
)

pytestmark = pytest.mark.anyio


async def test_interface() -> None:
    async with Container(SmtpMailer).open() as app:
        assert isinstance(await app.get(Mailer), SmtpMailer)


async def test_named() -> None:
    async with Container(words.primary, words.replica, Report).open() as app, app.open() as scope:
        assert (await scope.get(Report)).url == "replica"
        assert (await scope.get(Database)).url == "primary"


def test_request() -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await current_scope().get(Tenant)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": tenant.encode()})

    root = Container(words.tenant).asgi(answer)
    with TestClient(root) as client:
        assert client.get("/", headers={"x-tenant": "acme"}).text == "acme"


async def test_supplied() -> None:
    assert await words.work(words.jobs) == 7


async def test_many() -> None:
    async with Container(words.NotTooLong, words.NotEmpty, Rules).open() as app:
        assert (await app.get(Rules)).names == ["not too long", "not empty"]


async def test_decorate() -> None:
    async with words.greeters.open() as app:
        assert (await app.get(Greeter)).greet() == "HELLO"


async def test_later() -> None:
    container = Container(words.primary, words.tenant, Shop, provider(Cart, scope="transient"))
    request = Request({"type": "http", "headers": [(b"x-tenant", b"acme")]})
    async with container.open() as app:
        shop = await app.get(Shop)
        assert (await shop.heavy) is (await app.get(Database))
        async with shop.new_cart() as one, shop.new_cart() as other:
            assert one is not other
        async with app.open(values={Request: request}):
            assert await shop.tenant == "acme"


async def test_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "here")
    monkeypatch.setenv("MAX_SIZE", "3")
    async with Container(words.config, words.pool).open() as app:
        assert (await app.get(Database)).url == "here?max=3"


async def test_selector() -> None:
    container = Container(*words.storage(Config("here", max_size=2)))
    async with container.open() as app:
        assert (await app.get(Database)).url == "primary"


async def test_function() -> None:
    assert await words.run_nightly(Container(words.replica, Report)) == "replica"


def test_handlers() -> None:
    root = Container(provider(Prices, scope="app")).asgi(words.create_app)
    with TestClient(root) as client:
        assert client.get("/prices/tea").json() == 3


async def test_scopes_between() -> None:
    container = Container(words.primary, scopes=("app", "tenant", "request", "call"))
    async with container.open() as app, app.open() as tenant:
        assert tenant.name == "tenant"
