"""The note on a user's error: who asked, step by step (K05)."""

import copy
import pickle
import traceback
from collections.abc import AsyncIterator

import anyio
import pytest

from lifescope import Container, Inject, Lazy, OpenScope, inject, provider

pytestmark = pytest.mark.anyio


class Broken(Exception):
    pass


class Engine:
    pass


class Session:
    pass


class Orders:
    def __init__(self, session: Session) -> None: ...


async def engine() -> AsyncIterator[Engine]:
    raise Broken
    yield Engine()


async def session(engine: Engine) -> AsyncIterator[Session]:
    yield Session()


def shop(scope_of_engine: str = "request") -> Container:
    return Container(
        provider(engine, scope=scope_of_engine),
        provider(session, scope="request"),
        provider(Orders, scope="request"),
    )


@inject
async def endpoint(number: int, orders: Inject[Orders]) -> None:
    raise AssertionError


def shown(error: Exception) -> list[str]:
    """The steps of the only note, without scopes and places."""
    (note,) = error.__notes__
    lines = [line for line in note.splitlines()[1:] if not line.startswith(" " * 7)]
    return [line.removeprefix("  └─ ").strip().split("  ")[0] for line in lines]


@pytest.mark.parametrize("scope_of_engine", ["app", "request"])
async def test_chain_from_whoever_asked(scope_of_engine: str) -> None:
    """The chain goes through the scopes, and each step shows the parameter."""
    async with shop(scope_of_engine).open() as app, app.open("request") as request:
        with pytest.raises(Broken) as by_key:
            await request.get(Orders)
        with pytest.raises(Broken) as by_function:
            await endpoint(3)
    assert shown(by_key.value) == ["Orders(session)", "session(engine)", "engine()"]
    asked = ["endpoint(number, orders)", "Orders(session)", "session(engine)", "engine()"]
    assert shown(by_function.value) == asked
    assert by_key.value.__notes__[0].startswith("lifescope: while acquiring engine() (")
    assert f"scope {scope_of_engine}" in by_key.value.__notes__[0].splitlines()[0]


async def test_what_is_asked_for_itself_needs_no_chain() -> None:
    """The headline says it all."""
    async with shop().open() as app, app.open("request") as request:
        with pytest.raises(Broken) as caught:
            await request.get(Engine)
    (note,) = caught.value.__notes__
    assert len(note.splitlines()) == 1


async def test_several_who_wait_for_one() -> None:
    """One error that all of them see has one note, with the chain of one of them."""
    errors: list[Broken] = []
    entered = anyio.Event()
    go = anyio.Event()

    async def slow_engine() -> AsyncIterator[Engine]:
        entered.set()
        await go.wait()
        raise Broken
        yield Engine()

    container = Container(
        provider(slow_engine, scope="app"),
        provider(session, scope="request"),
        provider(Orders, scope="request"),
    )

    async def ask(app: OpenScope) -> None:
        async with app.open("request") as request:
            try:
                await request.get(Orders)
            except Broken as error:
                errors.append(error)

    with anyio.fail_after(5):
        async with container.open() as app, anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask, app)
            await entered.wait()
            await anyio.lowlevel.checkpoint()
            go.set()
    assert len(errors) == 3
    for error in errors:
        assert shown(error) == ["Orders(session)", "session(engine)", "slow_engine()"]


async def test_handle_is_not_the_way() -> None:
    """What is asked for later is not shown as what was needed now."""

    async def lazy_session(engine: Lazy[Engine], orders: "Other") -> AsyncIterator[Session]:
        yield Session()

    def other(engine: Engine) -> Other:
        return Other()

    container = Container(
        provider(engine, scope="request"),
        provider(lazy_session, scope="request"),
        provider(other, scope="request"),
    )
    async with container.open() as app, app.open("request") as request:
        with pytest.raises(Broken) as caught:
            await request.get(Session)
    assert shown(caught.value) == ["lazy_session(engine, orders)", "other(engine)", "engine()"]


class Other:
    pass


async def test_note_is_a_plain_text_elsewhere() -> None:
    """An error that is pickled, or copied, keeps the text of its note."""
    async with shop().open() as app, app.open("request") as request:
        with pytest.raises(Broken) as caught:
            await request.get(Orders)
    (note,) = caught.value.__notes__
    (pickled,) = pickle.loads(pickle.dumps(caught.value)).__notes__
    assert (type(pickled), pickled) == (str, note)
    assert copy.copy(caught.value).__notes__ == [note]


async def test_our_frames_are_few() -> None:
    """Between the user's call and the user's provider is nothing but the generated function.

    The first time there is one more, which has it generated.
    """
    container = shop()
    for between in (["get"], []):
        async with container.open() as app, app.open("request") as request:
            with pytest.raises(Broken) as caught:
                await request.get(Orders)
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert [frame.name for frame in frames][1:] == [*between, "acquire_orders", "engine"]
        assert frames[-2].line == "engine = await handle.__anext__()"
