"""Mistakes that both type checkers find.

A comment has what each of them says about the line: codes of mypy, a bar, rules of
pyright.
tests/test_typing.py looks whether there are exactly these errors, and no others. The file lies
beside the folder that `mypy` and `pyright` check by themselves.
"""

from fastapi import FastAPI

import lifescope.integrations.fastapi
from lifescope import (
    Container,
    Current,
    Factory,
    Inject,
    Lazy,
    OpenScope,
    inject,
    provider,
    supplied,
)


class Engine:
    """Asked for."""


class Other:
    """Something else."""


container = Container()
app = FastAPI()

# --- declarations ---------------------------------------------------------------------------


@provider(scope=3)  # E: call-overload, untyped-decorator | reportArgumentType
def scope_is_a_name() -> Engine:
    return Engine()


@provider()  # E: call-overload, untyped-decorator | reportCallIssue, reportUntypedFunctionDecorator
def scope_is_needed() -> Engine:
    return Engine()


@provider  # E: call-overload | reportCallIssue, reportUntypedFunctionDecorator
def provider_needs_parentheses() -> Engine:
    return Engine()


provider(Engine, scope="app", lazy=True)  # E: call-overload | reportCallIssue
provider("Engine", scope="app")  # E: call-overload | reportArgumentType
provider(Engine, scope="app", name=3)  # E: call-overload | reportArgumentType
supplied(Engine)  # E: call-arg | reportCallIssue
supplied(3, scope="app")  # E: arg-type | reportArgumentType


@provider(scope="app")
def takes_a_string(url: str) -> Engine:
    return Engine()


takes_a_string(3)  # E: arg-type | reportArgumentType
Container(scopes=3)  # E: arg-type | reportArgumentType
Container(values=[Engine()])  # E: arg-type | reportArgumentType
container.asgi()  # E: call-arg | reportCallIssue
container.asgi(Engine, state={})  # E: call-arg | reportCallIssue

# --- scopes and keys ------------------------------------------------------------------------


def open_is_async() -> None:
    with container.open():  # E: attr-defined | reportGeneralTypeIssues
        pass


async def asks(scope: OpenScope) -> None:
    other: Other = await scope.get(Engine)  # E: arg-type | reportAssignmentType
    now: Other = scope.get_nowait(Engine)  # E: assignment | reportAssignmentType
    sure: Engine = await scope.get(Engine | None)  # E: arg-type | reportAssignmentType
    numbers: list[str] = await scope.get(list[int])  # E: arg-type | reportAssignmentType
    not_awaited: Engine = scope.get(Engine)  # E: assignment | reportAssignmentType
    await scope.get_nowait(Engine)  # E: misc | reportGeneralTypeIssues
    await scope.get(Engine())  # E: arg-type | reportArgumentType
    await scope.get()  # E: call-arg | reportCallIssue
    scope.open(3)  # E: arg-type | reportArgumentType
    scope.open("request", {Engine: 3})  # E: call-arg | reportCallIssue
    scope.closed = True  # E: misc | reportAttributeAccessIssue
    del other, now, sure, numbers, not_awaited


# --- injected parameters and overrides ------------------------------------------------------


@inject
async def job(number: int, engine: Inject[Engine]) -> str:
    other: Other = engine  # E: assignment | reportAssignmentType
    return str(other)


@app.get("/")
async def path_function(engine: lifescope.integrations.fastapi.Inject[Engine]) -> None:
    other: Other = engine  # E: assignment | reportAssignmentType
    del other


async def calls() -> None:
    await job("1", Engine())  # E: arg-type | reportArgumentType
    await job(1, Other())  # E: arg-type | reportArgumentType
    result: int = await job(1, Engine())  # E: assignment | reportAssignmentType
    await path_function(Other())  # E: arg-type | reportArgumentType
    del result


container.override()  # E: call-overload | reportCallIssue
container.override(3)  # E: call-overload | reportArgumentType
container.override(Engine)  # E: call-overload | reportArgumentType

# --- Lazy, Factory, Current -----------------------------------------------------------------


async def uses(lazy: Lazy[Engine], factory: Factory[Engine], current: Current[Engine]) -> None:
    other: Other = await lazy  # E: assignment | reportAssignmentType
    not_awaited: Engine = lazy  # E: assignment | reportAssignmentType
    read: Other = await current  # E: assignment | reportAssignmentType
    made: Engine = factory()  # E: assignment | reportAssignmentType
    await factory()  # E: misc | reportGeneralTypeIssues
    lazy()  # E: operator | reportCallIssue
    async with factory() as engine:
        wrong: Other = engine  # E: assignment | reportAssignmentType
    async with factory(3):  # E: call-arg | reportCallIssue
        pass
    with factory():  # E: attr-defined | reportGeneralTypeIssues
        pass
    async with lazy:  # E: attr-defined | reportGeneralTypeIssues
        pass
    del other, not_awaited, read, made, wrong


async def hands_over(scope: OpenScope, lazy: Lazy[Engine]) -> None:
    handle: Lazy[Other] = lazy  # E: assignment | reportAssignmentType
    asked: Lazy[Other] = await scope.get(Lazy[Engine])  # E: arg-type | reportAssignmentType
    given: Engine = await scope.get(Lazy[Engine])  # E: arg-type | reportAssignmentType
    del handle, asked, given


provider(Engine, scope="app", thread="yes")  # E: call-overload | reportArgumentType
provider(Engine, scope="app", start_timeout="1s")  # E: call-overload | reportArgumentType
