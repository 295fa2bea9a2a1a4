"""App-scoped things are made as part of the app, whoever asks for them first (G6)."""

from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from lifescope import Container, OpenScope, current_scope, provider

pytestmark = pytest.mark.anyio

user: ContextVar[str] = ContextVar("user", default="nobody")
setting: ContextVar[str] = ContextVar("setting", default="unset")


class Cache:
    def __init__(self) -> None:
        self.user = user.get()
        self.scope = current_scope().name


class Configured:
    pass


class After:
    def __init__(self, _: Configured) -> None:
        self.setting = setting.get()


@pytest.mark.parametrize("kind", ["class", "generator"])
async def test_made_in_a_request_as_part_of_the_app(kind):
    """G6: It sees neither the context variables nor the scope of the request that asks first."""

    async def generator() -> AsyncIterator[Cache]:
        yield Cache()

    target = Cache if kind == "class" else generator
    async with Container(provider(target, scope="app")).open() as app, app.open() as request:
        token = user.set("Ada")
        cache = await request.get(Cache)
        user.reset(token)
        assert (cache.user, cache.scope) == ("nobody", "app")


async def test_what_a_function_sets_is_seen_by_those_after_it():
    """G7: A plain function of the app scope may set a context variable, like any provider."""

    @provider(scope="app")
    def configured() -> Configured:
        setting.set("configured")
        return Configured()

    async with Container(configured, provider(After, scope="app")).open() as app:
        assert (await app.get(After)).setting == "configured"
        assert setting.get() == "configured"
    assert setting.get() == "unset"


@pytest.mark.parametrize("kind", ["function", "generator"])
async def test_what_is_set_late_is_taken_back_with_the_request(kind):
    """G6: The request that asked first sees it until its end; its task does not afterwards."""

    async def generator() -> AsyncIterator[Configured]:
        setting.set("configured")
        yield Configured()

    def function() -> Configured:
        setting.set("configured")
        return Configured()

    target = {"function": function, "generator": generator}[kind]

    async def use(app: OpenScope) -> str:
        async with app.open() as request:
            await request.get(Configured)
            return setting.get()

    async with Container(provider(target, scope="app")).open() as app:
        assert await use(app) == "configured"
        assert setting.get() == "unset"
