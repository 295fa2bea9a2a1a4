"""Programs that ask at the wrong place, or at the wrong time."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread

from lifescope import Container, Current, Inject, Lazy, current_scope, inject, provider, supplied
from texts.programs import SECRET, program


class Session: ...


class Engine: ...


@provider(scope="request")
async def open_session() -> AsyncIterator[Session]:
    yield Session()


@program
async def order_of_scopes() -> None:
    """C09: A request's, asked of the app."""
    async with Container(open_session).open() as app:
        await app.get(Session)


@program
async def order_through_a_transient() -> None:
    """C10: A transient that needs a request's; both are named."""

    @provider(scope="transient")
    def engine(session: Session) -> Engine: ...

    async with Container(open_session, engine).open() as app:
        await app.get(Engine)


@program
async def order_of_a_function() -> None:
    """C09: A parameter of a function."""

    def job(count: int, session: Session) -> None: ...

    async with Container(open_session).open() as app:
        await app.call(job, count=3)


@program
async def order_of_current() -> None:
    """C08: The current one, where no request is."""

    @provider(scope="app")
    def engine(session: Current[Session]) -> Any: ...

    async with Container(open_session).open() as app:
        await (await app.get(Current[Session]))


@program
async def scope_opened_inside_a_narrower_one() -> None:
    """H06: Scopes get narrower."""
    async with Container(open_session).open() as app, app.open() as request:
        async with request.open("app"):
            pass


@program
async def no_narrower_scope() -> None:
    """H06: There is no narrower one."""
    async with Container(scopes=("app",)).open() as app:
        async with app.open():
            pass


@program
async def unknown_scope_opened() -> None:
    """H10: It says which there are."""
    async with Container(open_session).open() as app:
        async with app.open("reqeust"):
            pass


@program
def no_scope() -> None:
    """H03: Nothing is open."""
    current_scope()


@program
async def no_scope_for_a_function() -> None:
    """H03: An injected function, and nothing is open."""

    @inject
    async def job(session: Inject[Session]) -> None: ...

    await job()  # type: ignore[call-arg]


@program
async def scope_closed() -> None:
    """G10: It has ended."""
    async with Container(open_session).open() as app:
        async with app.open() as request:
            pass
        await request.get(Session)


@program
async def scope_closing() -> Any:
    """G10: It is about to end."""
    told: list[BaseException] = []

    @provider(scope="app")
    async def engine() -> AsyncIterator[Engine]:
        scope = current_scope()
        yield Engine()
        try:
            await scope.get(Lazy[str])
        except Exception as error:
            told.append(error)

    words = provider(lambda: SECRET, scope="app", provides=str)
    async with Container(engine, words).open() as app:
        await app.get(Engine)
    return told[0]


@program
async def not_ready() -> None:
    """G1: It would have to be awaited."""
    async with Container(open_session).open() as app, app.open() as request:
        request.get_nowait(Session)


@program
async def not_ready_for_a_function() -> None:
    """G1: A `def` that is injected cannot wait."""

    @inject
    def job(session: Inject[Session]) -> None: ...

    async with Container(open_session).open() as app, app.open():
        job()  # type: ignore[call-arg]


@program
async def wrong_loop() -> None:
    """F14: A loop in a thread."""
    container = Container(provider(Engine, scope="app"))
    async with container.open():
        await anyio.to_thread.run_sync(anyio.run, container.get, Engine)


@program
async def supplied_missing() -> None:
    """It is declared, but not handed in."""
    async with Container(supplied(Session, scope="app")).open():
        pass


@program
async def supplied_unknown() -> None:
    """K12: It is handed in, but not declared; the value is not shown."""
    declared = supplied(Session, scope="app")
    async with Container(declared).open(values={str: SECRET}):
        pass
