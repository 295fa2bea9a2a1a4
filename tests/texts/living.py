"""Programs in which something goes wrong while it is made, kept or released."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio

from lifescope import Container, OpenScope, provider
from texts import elsewhere
from texts.programs import SECRET, program


class Session: ...


class Engine: ...


async def ask(*sources: Any, form: Any = Session) -> None:
    async with Container(*sources).open() as app, app.open() as request:
        await request.get(form)


@program
async def no_yield() -> None:
    """D12: It ends too early."""

    @provider(scope="request")
    def open_session() -> Iterator[Session]:
        if SECRET == "":
            yield Session()

    await ask(open_session)


@program
async def second_yield() -> None:
    """D11: It does not end."""

    @provider(scope="request")
    async def open_session() -> AsyncIterator[Session]:
        while True:
            yield Session()

    await ask(open_session)


@program
async def wrong_value() -> None:
    """C13, K12: Its type is named, and not its value."""

    @provider(scope="app")
    async def open_session() -> Session:
        return SECRET  # type: ignore[return-value]

    await ask(open_session)


@program
async def wrong_value_none() -> None:
    """C13: A return is missing."""

    @provider(scope="request")
    def open_session(name: str = SECRET) -> Session:
        Session()  # type: ignore[return-value]

    await ask(open_session)


@program
async def wrong_value_of_the_same_name() -> None:
    """C13, K02: The class that it gives is called like the one that it promised."""

    class Repository: ...

    @provider(scope="request")
    def repository() -> Repository:
        return elsewhere.Repository()  # type: ignore[return-value]

    await ask(repository, form=Repository)


@program
async def acquisition_loop() -> None:
    """F07: Each asks the scope for the other."""

    @provider(scope="app")
    async def session(scope: OpenScope) -> Session:
        await scope.get(Engine)
        return Session()

    @provider(scope="app")
    async def engine(scope: OpenScope) -> Engine:
        await scope.get(Session)
        return Engine()

    await ask(session, engine)


@program
async def acquisition_loop_of_one() -> None:
    """F07, F12: It asks the scope for itself."""

    @provider(scope="app")
    async def session(scope: OpenScope) -> Session:
        return await scope.get(Session)

    await ask(session)


@program
async def acquisition_timeout() -> None:
    """E07: It takes too long."""

    @provider(scope="app", start_timeout=2.5)
    async def open_session() -> AsyncIterator[Session]:
        await anyio.sleep_forever()
        yield Session()

    await ask(open_session)


@program
async def release_timeout() -> None:
    """E06: Its release takes too long."""

    @provider(scope="app", stop_timeout=3)
    async def open_session() -> AsyncIterator[Session]:
        yield Session()
        await anyio.sleep_forever()

    await ask(open_session)


@program
async def releases_failed() -> None:
    """D05, K12: Two releases fail; what they say is not repeated."""

    @provider(scope="request")
    async def open_engine() -> AsyncIterator[Engine]:
        yield Engine()
        raise ConnectionError(SECRET)

    @provider(scope="request")
    async def open_session(engine: Engine) -> AsyncIterator[Session]:
        yield Session()
        raise ValueError(SECRET)

    await ask(open_session, open_engine)


@program
async def crash() -> None:
    """E13: A task that a provider runs has failed, and the provider says nothing."""

    async def fail() -> None:
        await anyio.sleep(1)
        raise ValueError(SECRET)

    @provider(scope="app")
    async def open_session() -> AsyncIterator[Session]:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                yield Session()
        except* ValueError:
            pass

    async with Container(open_session).open() as app:
        await app.get(Session)
        await anyio.sleep_forever()
