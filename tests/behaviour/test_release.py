"""Group D: release order, outcomes and errors."""

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Self

import anyio
import pytest

from lifescope import (
    Container,
    NoYieldError,
    OpenScope,
    ReleaseError,
    SecondYieldError,
    provider,
)

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    def __init__(self, a: A) -> None: ...


class C:
    def __init__(self, b: B) -> None: ...


class Broken(Exception):
    pass


def outcome_of(error: BaseException | None) -> str:
    return "ok" if error is None else type(error).__name__


Body = Callable[[str], Any]


def abc(log, scope: str = "request", *, during=None, kind: str = "async generator") -> list[Any]:
    """A, B that needs A, and C that needs B; `during(name)` runs in each release."""

    def released(name: str) -> None:
        log(f"release {name}")
        if during is not None:
            during(name)

    async def make_a() -> AsyncIterator[A]:
        log("acquire A")
        try:
            yield A()
        finally:
            await anyio.lowlevel.checkpoint()
            released("A")

    async def make_b(a: A) -> AsyncIterator[B]:
        log("acquire B")
        try:
            yield B(a)
        finally:
            await anyio.lowlevel.checkpoint()
            released("B")

    async def make_c(b: B) -> AsyncIterator[C]:
        log("acquire C")
        try:
            yield C(b)
        finally:
            await anyio.lowlevel.checkpoint()
            released("C")

    def sync_a() -> Iterator[A]:
        log("acquire A")
        try:
            yield A()
        finally:
            released("A")

    def sync_b(a: A) -> Iterator[B]:
        log("acquire B")
        try:
            yield B(a)
        finally:
            released("B")

    def sync_c(b: B) -> Iterator[C]:
        log("acquire C")
        try:
            yield C(b)
        finally:
            released("C")

    class Manager:
        def __init__(self, name: str, value: Any) -> None:
            self.name, self.value = name, value

        async def __aenter__(self) -> Any:
            log(f"acquire {self.name}")
            return self.value

        async def __aexit__(self, *_) -> None:
            await anyio.lowlevel.checkpoint()
            released(self.name)

    def manager_a() -> AbstractAsyncContextManager[A]:
        return Manager("A", A())

    def manager_b(a: A) -> AbstractAsyncContextManager[B]:
        return Manager("B", B(a))

    def manager_c(b: B) -> AbstractAsyncContextManager[C]:
        return Manager("C", C(b))

    functions = {
        "async generator": (make_a, make_b, make_c),
        "generator": (sync_a, sync_b, sync_c),
        "async context manager": (manager_a, manager_b, manager_c),
    }[kind]
    return [provider(function, scope=scope) for function in functions]


KINDS = ["async generator", "generator", "async context manager"]
SCOPES = ["app", "request"]
RELEASES = ["release C", "release B", "release A"]
ACQUIRES = ["acquire A", "acquire B", "acquire C"]


def failing(**errors: BaseException) -> Callable[[str], None]:
    def during(name: str) -> None:
        if name in errors:
            raise errors[name]

    return during


# --- order ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
async def test_release_is_the_reverse_of_acquire(log, scope, kind):
    """D01: What depends on something is released before it."""
    async with Container(abc(log, scope, kind=kind)).open() as app, app.open() as request:
        await request.get(C)
        assert log.events == ACQUIRES
    assert log.events == [*ACQUIRES, *RELEASES]


@pytest.mark.parametrize("scope", SCOPES)
async def test_release_order_does_not_depend_on_who_asked_first(log, scope):
    """D02: Asked for one by one, dependents are still released first."""
    async with Container(abc(log, scope)).open() as app, app.open() as request:
        await request.get(A)
        await request.get(C)
        await request.get(B)
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_request_is_released_before_the_app(log):
    """D01: Inner scopes are released first."""
    a, b, c = abc(log)
    container = Container(provider(a.target, scope="app"), b, provider(c.target, scope="call"))
    async with container.open() as app, app.open("call") as call:
        await call.get(C)
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_releases_run_one_at_a_time(log):
    """D01: A release has ended before the next one begins."""

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        yield A()
        log("begin A")
        await anyio.lowlevel.checkpoint()
        log("end A")

    @provider(scope="app")
    async def b() -> AsyncIterator[B]:
        yield B(A())
        log("begin B")
        await anyio.lowlevel.checkpoint()
        log("end B")

    async with Container(a, b).open() as app:
        await app.get(A)
        await app.get(B)
    assert log.events == ["begin B", "end B", "begin A", "end A"]


async def test_what_is_never_asked_for_is_never_acquired(log):
    """D15: What nobody asks for is neither acquired nor released."""
    async with Container(abc(log)).open() as app, app.open() as request:
        await request.get(B)
    assert log.events == ["acquire A", "acquire B", "release B", "release A"]


# --- failing releases -----------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["A", "B", "C"])
async def test_one_failing_release(log, scope, kind, name):
    """D04: All other releases run, and the error is raised as itself."""
    error = Broken(name)
    container = Container(abc(log, scope, kind=kind, during=failing(**{name: error})))
    with pytest.raises(Broken) as caught:
        async with container.open() as app, app.open() as request:
            await request.get(C)
    assert caught.value is error
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_failing_release_says_whose_it_is(log):
    """D04: The error has a note that names the provider, file:line and scope."""
    with pytest.raises(Broken) as caught:
        async with Container(abc(log, during=failing(B=Broken()))).open() as app:
            async with app.open() as request:
                await request.get(C)
    (note,) = [n for n in caught.value.__notes__ if "releasing" in n]
    assert "make_b()" in note
    assert "test_release.py:" in note
    assert "request" in note


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
async def test_two_failing_releases(log, scope, kind):
    """D05: All other releases run, and both errors are in one ReleaseError, in their order."""
    first, second = Broken("C"), KeyError("A")
    container = Container(abc(log, scope, kind=kind, during=failing(C=first, A=second)))
    with pytest.raises(ReleaseError) as caught:
        async with container.open() as app, app.open() as request:
            await request.get(C)
    assert caught.value.exceptions == (first, second)
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_release_error_can_be_split(log):
    """D05: `except*` takes the parts of a ReleaseError apart, and they stay ReleaseErrors."""
    seen: list[type] = []
    try:
        async with Container(abc(log, during=failing(C=Broken(), A=KeyError()))).open() as app:
            async with app.open() as request:
                await request.get(C)
    except* Broken as group:
        seen.append(type(group))
    except* KeyError as group:
        seen.append(type(group))
    assert seen == [ReleaseError, ReleaseError]


async def test_failing_releases_of_two_scopes(log):
    """D05: A failed release of an inner scope is not lost when an outer one fails too."""
    a, b, _ = abc(log, during=failing(A=Broken("A"), B=Broken("B")))
    container = Container(provider(a.target, scope="request"), provider(b.target, scope="call"))
    with pytest.raises(BaseException) as caught:
        async with container.open() as app, app.open("call") as call:
            await call.get(B)

    def texts(error: BaseException) -> list[str]:
        inner = getattr(error, "exceptions", ())
        own = [] if inner else [str(error), *getattr(error, "__notes__", ())]
        return own + [text for each in inner for text in texts(each)]

    assert log.events[2:] == ["release B", "release A"]
    assert any("A" in text for text in texts(caught.value))
    assert any("B" in text for text in texts(caught.value))


async def test_body_error_and_failing_release(log, caplog):
    """D06: The body's error comes out as itself; the release's is noted on it, and logged."""
    body, release = KeyError("body"), Broken("release")
    container = Container(abc(log, during=failing(B=release)))
    with caplog.at_level(logging.ERROR, logger="lifescope"), pytest.raises(KeyError) as caught:
        async with container.open() as app, app.open() as request:
            await request.get(C)
            raise body
    assert caught.value is body
    assert any("Broken" in note and "release" in note for note in body.__notes__)
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [release]
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_body_error_and_every_release_failing(log):
    """D06: The body's error is not lost however many releases fail."""
    body = KeyError("body")
    errors = {name: Broken(name) for name in "ABC"}
    with pytest.raises(KeyError) as caught:
        async with Container(abc(log, during=failing(**errors))).open() as app:
            async with app.open() as request:
                await request.get(C)
                raise body
    assert caught.value is body
    assert len([note for note in body.__notes__ if "Broken" in note]) == 3


class Stop(BaseException):
    pass


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [Stop(), KeyboardInterrupt(), SystemExit(3)], ids=repr)
async def test_release_raises_a_base_exception(log, scope, kind, error):
    """D07: The remaining releases run, then what is no Exception propagates as itself."""
    container = Container(abc(log, scope, kind=kind, during=failing(C=error)))
    with pytest.raises(type(error)) as caught:
        async with container.open() as app, app.open() as request:
            await request.get(C)
    assert caught.value is error
    assert log.events == [*ACQUIRES, *RELEASES]


async def test_base_exception_goes_before_other_failures(log):
    """D07: Among failed releases, what is no Exception is raised; the others are noted on it."""
    stop = Stop()
    with pytest.raises(Stop) as caught:
        async with Container(abc(log, during=failing(C=Broken("C"), B=stop))).open() as app:
            async with app.open() as request:
                await request.get(C)
    assert caught.value is stop
    assert any("Broken" in note for note in stop.__notes__)


async def test_base_exception_in_release_keeps_the_body_error(log):
    """D07: A KeyboardInterrupt in a release goes on, with the body's error as its context."""
    body = KeyError("body")
    with pytest.raises(KeyboardInterrupt) as caught:
        async with Container(abc(log, during=failing(C=KeyboardInterrupt()))).open() as app:
            async with app.open() as request:
                await request.get(C)
                raise body
    assert log.events == [*ACQUIRES, *RELEASES]
    chain, error = [], caught.value
    while error is not None:
        chain.append(error)
        error = error.__context__
    assert body in chain


@pytest.mark.parametrize("error", [Stop(), KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("scope", SCOPES)
async def test_base_exception_in_body(log, scope, error):
    """E11: Everything is released when the body ends with what is no Exception."""
    with pytest.raises(type(error)) as caught:
        async with Container(abc(log, scope)).open() as app, app.open() as request:
            await request.get(C)
            raise error
    assert caught.value is error
    assert log.events == [*ACQUIRES, *RELEASES]


# --- outcome --------------------------------------------------------------------------------


def witnesses(log, scope: str, then: Callable[[BaseException], None] | None = None) -> list[Any]:
    """Providers of each kind that log the outcome which they see; `then` reacts to it."""

    def saw(name: str, error: BaseException | None) -> None:
        log(f"{name}: {outcome_of(error)}")
        if error is not None and then is not None:
            then(error)

    async def agen() -> AsyncIterator[A]:
        try:
            yield A()
        except BaseException as error:
            saw("async generator", error)
            if then is None:
                raise
        else:
            saw("async generator", None)

    def gen(a: A) -> Iterator[B]:
        try:
            yield B(a)
        except BaseException as error:
            saw("generator", error)
            if then is None:
                raise
        else:
            saw("generator", None)

    class Manager:
        def __enter__(self) -> C:
            return C(B(A()))

        def __exit__(self, kind, error, traceback) -> bool:
            assert kind is (None if error is None else type(error))
            assert traceback is (None if error is None else error.__traceback__)
            saw("context manager", error)
            return then is not None

    class AsyncManager:
        async def __aenter__(self) -> int:
            return 1

        async def __aexit__(self, kind, error, traceback) -> bool:
            await anyio.lowlevel.checkpoint()
            assert kind is (None if error is None else type(error))
            saw("async context manager", error)
            return then is not None

    def manager(b: B) -> AbstractContextManager[C]:
        return Manager()

    def async_manager(c: C) -> AbstractAsyncContextManager[int]:
        return AsyncManager()

    return [provider(f, scope=scope) for f in (agen, gen, manager, async_manager)]


def all_saw(outcome: str) -> list[str]:
    kinds = ("async context manager", "context manager", "generator", "async generator")
    return [f"{kind}: {outcome}" for kind in kinds]


@pytest.mark.parametrize("scope", SCOPES)
async def test_providers_see_success(log, scope):
    """D19: Without an error, providers go on after their `yield`."""
    async with Container(witnesses(log, scope)).open() as app, app.open() as request:
        await request.get(int)
    assert log.events == all_saw("ok")


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "error",
    [Broken(), Stop(), StopIteration(), StopAsyncIteration(), GeneratorExit()],
    ids=outcome_of,
)
async def test_providers_see_the_body_error(log, scope, error):
    """D08: The body's error arrives at the `yield` of each provider, and goes on as itself."""
    with pytest.raises(type(error)) as caught:
        async with Container(witnesses(log, scope)).open() as app, app.open() as request:
            await request.get(int)
            raise error
    assert caught.value is error
    assert log.events == all_saw(outcome_of(error))
    assert not getattr(error, "__notes__", ())


@pytest.mark.parametrize("scope", SCOPES)
async def test_providers_see_cancellation(log, scope):
    """E03: Cancelled in the body, providers see the cancellation, and the block ends cancelled."""
    with anyio.fail_after(5), anyio.CancelScope() as cancel:
        async with Container(witnesses(log, scope)).open() as app, app.open() as request:
            await request.get(int)
            cancel.cancel()
            await anyio.sleep_forever()
    assert cancel.cancelled_caught
    assert log.events == all_saw(anyio.get_cancelled_exc_class().__name__)


class Transaction:
    def __init__(self, log) -> None:
        self.log = log

    async def __aenter__(self):
        self.log("begin")
        return self

    async def __aexit__(self, kind, error, traceback) -> None:
        await anyio.lowlevel.checkpoint()
        self.log("commit" if error is None else "roll back")


@pytest.mark.parametrize("fails", [False, True])
async def test_transaction_rolls_back(log, fails):
    """D08: `async with session.begin(): yield` commits, or rolls back on an error."""

    @provider(scope="request")
    async def transaction() -> AsyncIterator[Transaction]:
        async with Transaction(log) as transaction:
            yield transaction

    async def work() -> None:
        async with Container(transaction).open() as app, app.open() as request:
            await request.get(Transaction)
            if fails:
                raise Broken

    if fails:
        with pytest.raises(Broken):
            await work()
    else:
        await work()
    assert log.events == ["begin", "roll back" if fails else "commit"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_swallowed_outcome_is_seen_by_everybody_else(log, scope):
    """D09: A provider that swallows the error hides it neither from others nor the caller."""
    error = Broken()
    with pytest.raises(Broken) as caught:
        container = Container(witnesses(log, scope, then=lambda error: None))
        async with container.open() as app, app.open() as request:
            await request.get(int)
            raise error
    assert caught.value is error
    assert log.events == all_saw("Broken")


@pytest.mark.parametrize("scope", SCOPES)
async def test_error_raised_from_the_outcome_keeps_the_chain(log, scope, caplog):
    """D10: An error that a provider raises from the outcome is kept with its cause."""
    error = Broken()

    def translate(error: BaseException) -> None:
        raise KeyError("translated") from error

    with caplog.at_level(logging.ERROR, logger="lifescope"), pytest.raises(Broken) as caught:
        container = Container(witnesses(log, scope, then=translate))
        async with container.open() as app, app.open() as request:
            await request.get(int)
            raise error
    assert caught.value is error
    raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert len(raised) == 4
    assert {type(each) for each in raised} == {KeyError}
    assert all(each.__cause__ is error for each in raised)
    assert log.events == all_saw("Broken")


async def test_outer_scope_sees_what_leaves_the_inner_one(log):
    """G4: A release that fails in an inner scope is the outcome of the scope around it."""
    error = Broken()

    @provider(scope="request")
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        except Broken as caught:
            log(f"rolled back: {caught is error}")
            raise
        else:
            log("committed")

    @provider(scope="call")
    async def b(a: A) -> AsyncIterator[B]:
        yield B(a)
        raise error

    for both_at_once in (False, True):
        with pytest.raises(Broken):
            async with Container(a, b).open() as app:
                if both_at_once:
                    async with app.open("call") as call:
                        await call.get(B)
                else:
                    async with app.open() as request, request.open() as call:
                        await call.get(B)
    assert log.events == ["rolled back: True"] * 2


async def test_recorded_failure_is_the_outcome_of_a_scope(log):
    """D08: An error that somebody has handled still reaches the providers, and goes no further."""
    async with Container(witnesses(log, "request")).open() as app, app.open() as request:
        await request.get(int)
        request.record_failure(Broken())
    assert log.events == all_saw("Broken")


async def test_error_that_leaves_the_scope_counts_more_than_a_recorded_one(log):
    """D08: The error that leaves a scope is its outcome, whatever was recorded before."""
    with pytest.raises(Broken):
        async with Container(witnesses(log, "request")).open() as app, app.open() as request:
            await request.get(int)
            request.record_failure(KeyError())
            raise Broken
    assert log.events == all_saw("Broken")


async def test_release_does_not_change_the_traceback_of_the_body_error(log):
    """D08: Being thrown into providers leaves no frames in the body error's traceback."""
    import traceback

    async def body(container: Container | None) -> list[str]:
        try:
            if container is None:
                raise Broken
            async with container.open() as app, app.open() as request:
                await request.get(int)
                raise Broken
        except Broken as error:
            return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    assert await body(Container(witnesses(log, "request"))) == await body(None)


# --- generators that do not yield once ------------------------------------------------------


def misbehaving(log, scope: str, kind: str, yields: int) -> list[Any]:
    async def first() -> AsyncIterator[A]:
        yield A()
        log("release A")

    async def agen(a: A) -> AsyncIterator[B]:
        for _ in range(yields):
            try:
                yield B(a)
            except Broken:
                log("swallowed")
            finally:
                log("passed")

    def gen(a: A) -> Iterator[B]:
        for _ in range(yields):
            try:
                yield B(a)
            except Broken:
                log("swallowed")
            finally:
                log("passed")

    function = agen if kind == "async generator" else gen
    return [provider(first, scope=scope), provider(function, scope=scope)]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async generator", "generator"])
async def test_second_yield(log, scope, kind):
    """D11: A second yield is an error that names the provider; the rest is released."""
    providers = misbehaving(log, scope, kind, 2)
    with pytest.raises(SecondYieldError) as caught:
        async with Container(providers).open() as app, app.open() as request:
            await request.get(B)
    target = providers[1].target
    assert f"{target.__name__}()" in str(caught.value)
    assert f"test_release.py:{target.__code__.co_firstlineno}" in str(caught.value)
    assert log.events == ["passed", "passed", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async generator", "generator"])
async def test_second_yield_after_the_body_error(log, scope, kind):
    """D11: A second yield in answer to the body's error does not replace that error."""
    error = Broken()
    with pytest.raises(Broken) as caught:
        container = Container(misbehaving(log, scope, kind, 2))
        async with container.open() as app, app.open() as request:
            await request.get(B)
            raise error
    assert caught.value is error
    assert any("SecondYieldError" in note for note in error.__notes__)
    assert log.events[:3] == ["swallowed", "passed", "passed"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async generator", "generator"])
async def test_no_yield(log, scope, kind):
    """D12: A generator that ends without a yield is an error, and there is nothing to release."""
    providers = misbehaving(log, scope, kind, 0)
    async with Container(providers).open() as app, app.open() as request:
        for _ in range(2):
            with pytest.raises(NoYieldError) as caught:
                await request.get(B)
            target = providers[1].target
            assert f"{target.__name__}()" in str(caught.value)
            assert f"test_release.py:{target.__code__.co_firstlineno}" in str(caught.value)
    assert log.events == ["release A"]


# --- half-way failures ----------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
async def test_failed_acquire_keeps_what_was_acquired_before(log, scope, kind):
    """D13: If B fails while A is held, A is released at the end of the scope, and B is not."""
    a, _, _ = abc(log, scope, kind=kind)

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        log("try B")
        await anyio.lowlevel.checkpoint()
        raise Broken
        yield B(a)

    async with Container(a, b).open() as app, app.open() as request:
        with pytest.raises(Broken):
            await request.get(B)
        log("body goes on")
    assert log.events == ["acquire A", "try B", "body goes on", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_failed_acquire_as_the_outcome(log, scope):
    """D13: A failed acquire that leaves the scope is the outcome that the others see."""
    error = Broken("B")

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        except Broken as caught:
            log(f"outcome {caught is error}")
            raise

    @provider(scope=scope)
    def b(a: A) -> B:
        raise error

    with pytest.raises(Broken) as caught:
        async with Container(a, b).open() as app, app.open() as request:
            await request.get(B)
    assert caught.value is error
    assert log.events == ["outcome True"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", ["acquire", "release"])
@pytest.mark.parametrize("what", ["raise", "cancel", "cancel late"])
@pytest.mark.parametrize("name", ["A", "B", "C"])
@pytest.mark.parametrize("k", [1, 2])
async def test_fault_at_every_await(log, faults, scope, phase, what, name, k):
    """G3: Whatever goes wrong at whichever await, what was acquired is released exactly once."""

    def make(own: str, form: type, *needs: type) -> Any:
        async def run(*args: Any) -> AsyncIterator[Any]:
            await faults.at(own, "acquire")
            await faults.at(own, "acquire")
            log(f"acquired {own}")
            try:
                yield form(*args)
            finally:
                log(f"release {own}")
                await faults.at(own, "release")
                await faults.at(own, "release")

        run.__annotations__ = {"return": AsyncIterator[form]}
        run.__signature__ = inspect.Signature(
            [
                inspect.Parameter(f"x{n}", inspect.Parameter.POSITIONAL_ONLY, annotation=need)
                for n, need in enumerate(needs)
            ],
            return_annotation=AsyncIterator[form],
        )
        return provider(run, scope=scope)

    container = Container(make("A", A), make("B", B, A), make("C", C, B))
    with anyio.fail_after(5), anyio.CancelScope() as cancel:
        if what == "raise":
            faults.raise_at(name, phase, Broken(), k=k)
        else:
            waits = what == "cancel" and phase == "acquire"
            faults.cancel_at(name, phase, cancel, k=k, wait=waits)
        try:
            async with container.open() as app, app.open() as request:
                await request.get(C)
        except Broken:
            log("Broken")
    acquired = [event.split()[1] for event in log.starting_with("acquired")]
    released = [event.split()[1] for event in log.starting_with("release ")]
    assert released == acquired[::-1]
    if what != "cancel late":
        before = "ABC"[: "ABC".index(name)] if phase == "acquire" else "ABC"
        assert acquired == list(before)
    assert ("Broken" in log.events) is (what == "raise")
    assert cancel.cancel_called is (what != "raise")


# --- closing --------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_twice_releases_once(log, scope):
    """D14: Leaving a scope that has been left is a no-op."""
    async with Container(abc(log, scope)).open() as app:
        opening = app.open() if scope == "request" else Container(abc(log, "app")).open()
        inner = await opening.__aenter__()
        await inner.get(C)
        for _ in range(2):
            await opening.__aexit__(None, None, None)
            assert inner.closed
            assert log.events == [*ACQUIRES, *RELEASES]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_while_releasing(log, faults, scope):
    """E04: Cancelled while C is being released, C's release completes, and so do the others."""
    hang = faults.hang_at("C", "release")
    a, b, _ = abc(log, scope)

    @provider(scope=scope)
    async def c(b: B) -> AsyncIterator[C]:
        yield C(b)
        await faults.at("C", "release")
        await anyio.lowlevel.checkpoint()
        log("release C")

    async def work() -> None:
        async with Container(a, b, c).open() as app, app.open() as request:
            await request.get(C)
        await anyio.lowlevel.checkpoint()
        log("not reached")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            await hang.reached.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
                hang.go_on.set()
    assert log.events == ["acquire A", "acquire B", *RELEASES]


async def test_object_that_asks_in_its_release_gets_what_is_alive(log):
    """D18: While a scope is closing it makes nothing: it says that it is closing."""
    from lifescope import ScopeClosedError

    @provider(scope="app")
    async def a(scope: OpenScope) -> AsyncIterator[A]:
        yield A()
        with pytest.raises(ScopeClosedError, match="closing") as caught:
            await scope.get(B)
        assert caught.value.closing
        log("refused")

    async with Container(a, provider(B, scope="app")).open() as app:
        await app.get(A)
    assert log.events == ["refused"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_siblings_that_were_acquired_at_once(log, scope):
    """D03: Whichever came first, each is released before what both of them need."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        yield A()
        log("release A")

    def sibling(form: type, waits: int) -> Any:
        async def acquire(a: A) -> AsyncIterator[Any]:
            for _ in range(waits):
                await anyio.lowlevel.checkpoint()
            yield form(a)
            log(f"release {form.__name__}")

        return provider(acquire, scope=scope, provides=form)

    container = Container(a, sibling(B, 3), sibling(C, 1))
    async with container.open() as app, app.open() as request:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request.get, B)
            tasks.start_soon(request.get, C)
    assert sorted(log.events[:2]) == ["release B", "release C"]
    assert log.events[2:] == ["release A"]


async def test_object_with_two_ways_to_close(log):
    """D16: What can be closed with and without awaiting is entered and left with awaiting."""

    class Both:
        async def __aenter__(self) -> Self:
            log("aenter")
            return self

        async def __aexit__(self, *_: object) -> None:
            log("aexit")

        def __enter__(self) -> Self:
            log("enter")
            return self

        def __exit__(self, *_: object) -> None:
            log("exit")

    async with Container(provider(Both, scope="app", enter=True)).open() as app:
        await app.get(Both)
    assert log.events == ["aenter", "aexit"]
