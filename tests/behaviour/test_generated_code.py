"""What can be seen of the generated code: in tracebacks, in linecache, and at large sizes."""

import gc
import inspect
import linecache
import traceback
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import Any

import anyio
import pytest

from lifescope import CaptiveDependencyError, Container, CycleError, OpenScope, provider

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    def __init__(self, a: A) -> None: ...


class Broken(Exception):
    pass


@provider(scope="app")
async def failing(a: A) -> AsyncIterator[B]:
    raise Broken
    yield B(a)


def generated_frames(error: BaseException) -> list[FrameType]:
    """The frames of generated functions in a traceback: their files do not exist."""
    return [
        frame
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename.startswith("<lifescope")
    ]


async def failure(*sources: Any, form: Any = B) -> BaseException:
    async with Container(*sources).open() as app, app.open() as request:
        try:
            await request.get(form)
        except Broken as error:
            return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_traceback_shows_generated_lines(scope):
    """The traceback of a failing provider shows the generated line that called it."""

    def make_b(a: A) -> B:
        raise Broken

    error = await failure(provider(make_b, scope=scope), provider(A, scope=scope))
    text = "".join(traceback.format_exception(error))
    assert {"app": "_in_context(B, make_b, a)", "request": "make_b(a)"}[scope] in text
    assert "acquire_b" in text
    for frame in generated_frames(error):
        assert linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()


async def test_source_can_be_inspected():
    """`inspect.getsource` works on generated code, as for a debugger."""
    error = await failure(failing, provider(A, scope="app"))
    frames = generated_frames(error)
    assert frames
    for frame in frames:
        assert "async def acquire_" in inspect.getsource(frame)
        assert frame.f_code.co_name in inspect.getsource(frame.f_code)


async def test_source_survives_a_check_of_the_cache():
    """`linecache.checkcache`, which tracebacks call, leaves generated code alone."""
    error = await failure(failing, provider(A, scope="app"))
    filename = generated_frames(error)[0].f_code.co_filename
    linecache.checkcache()
    assert linecache.getline(filename, 1).startswith("async def")


async def test_two_containers_do_not_overwrite_each_other():
    """Two containers with the same keys each show their own lines."""

    def one(a: A) -> B:
        raise Broken

    def two(a: A) -> B:
        raise Broken

    errors = [
        await failure(provider(function, scope="request"), provider(A, scope="request"))
        for function in (one, two)
    ]
    for error, name, other in zip(errors, ("one(a)", "two(a)"), ("two(a)", "one(a)"), strict=True):
        text = "".join(traceback.format_exception(error))
        assert name in text
        assert other not in text


def entries() -> set[str]:
    return {name for name in linecache.cache if name.startswith("<lifescope")}


async def test_source_leaves_with_the_container():
    """When a container is gone, nothing of it is left in linecache."""
    gc.collect()
    before = entries()

    async def use() -> None:
        container = Container(provider(A, scope="app"), provider(B, scope="request"))
        async with container.open() as app, app.open() as request:
            await request.get(B)
            assert entries() > before

    await use()
    gc.collect()
    assert entries() == before


async def test_plans_are_made_once():
    """Asking again, in other scopes and app scopes of a container, generates nothing."""
    container = Container(provider(A, scope="app"), provider(B, scope="request"))

    async def use() -> None:
        async with container.open() as app, app.open() as request:
            await request.get(B)
            request.get_nowait(A)

            async def again() -> None:
                await request.get(B)

            async with anyio.create_task_group() as group:
                group.start_soon(again)

    await use()
    before = entries()
    for _ in range(3):
        await use()
    assert entries() == before


# --- names ----------------------------------------------------------------------------------

NAMES = [
    "Scope", "Flight", "Flights", "Exits", "Handle", "Error", "Missing", "MISSING", "Plan", "PLAN",
    "Failed", "Landed", "Elsewhere", "NotReady", "CurrentTask", "BaseException", "Outer_1",
    "outer_1", "Async", "Await", "Class", "Match", "Print", "Type", "List", "Größe", "_Hidden",
    "__Mangled", "A1", "X", "x",
]  # fmt: skip


@pytest.mark.parametrize("scope", ["app", "request"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("from_call", [False, True])
async def test_names_of_classes_do_not_matter(name, scope, from_call):
    """However classes are called, generated code does not mix their names up with its own."""
    form = type(name, (), {})

    fails = False

    async def make() -> AsyncIterator[form]:
        await anyio.wait_all_tasks_blocked()
        if fails:
            raise Broken
        yield form()

    def use(it: form, a: A) -> B:
        assert type(it) is form
        return B(a)

    async def make_a() -> A:
        return A()

    async def ask(asked: OpenScope) -> None:
        assert type(await asked.get(B)) is B

    container = Container([provider(f, scope=scope) for f in (make, use, make_a)])
    with anyio.fail_after(5):
        async with container.open() as app, app.open("call") as call:
            target = call if from_call else call.parent
            async with anyio.create_task_group() as group:
                group.start_soon(ask, target)
                await ask(target)
            assert type(await target.get(form)) is form
        async with container.open() as app, app.open("call") as call:
            fails = True
            with pytest.raises(Broken):
                await (call if from_call else call.parent).get(B)


FUNCTIONS = [
    "acquire_a", "acquire_b", "acquire", "fill_work", "work", "a", "b", "A", "B", "scope", "failed",
    "landed", "elsewhere", "current_task", "MISSING", "PLAN", "flights", "handle", "error",
    "outer_1", "getattr", "next", "None_",
]  # fmt: skip


@pytest.mark.parametrize("scope", ["app", "request"])
@pytest.mark.parametrize("name", FUNCTIONS)
async def test_names_of_functions_do_not_matter(name, scope):
    """However functions are called, generated code does not mix their names up with its own."""

    def make_a() -> Iterator[A]:
        yield A()

    async def make_b(a: A) -> B:
        return B(a)

    def work(b: B) -> B:
        return b

    for function in (make_a, make_b):
        function.__name__ = name
    work.__name__ = "work"
    providers = [provider(make_a, scope=scope), provider(make_b, scope=scope)]
    with anyio.fail_after(5):
        async with Container(providers).open() as app, app.open() as request:
            assert type(await request.get(A)) is A
            b = await request.get(B)
            assert type(b) is B
            assert await request.call(work) is b


async def test_providers_with_the_same_name():
    """Providers whose functions, or classes, share their name are told apart."""

    def same(number: int) -> Any:
        def make() -> form(number):
            return forms[number]()

        return make

    forms = [type("Same", (), {"number": number}) for number in range(5)]

    def form(number: int) -> type:
        return forms[number]

    def all_of(a: form(0), b: form(1), c: form(2), d: form(3), e: form(4)) -> list[int]:
        return [each.number for each in (a, b, c, d, e)]

    container = Container(
        [provider(same(number), scope="app") for number in range(5)], provider(all_of, scope="app")
    )
    async with container.open() as app:
        assert await app.get(list[int]) == [0, 1, 2, 3, 4]


# --- sizes ----------------------------------------------------------------------------------


def chain(length: int, scope: str, *, closed: bool = False) -> tuple[list[Any], list[type]]:
    """Classes that each need the one before."""
    forms = [type(f"Link{n}", (), {}) for n in range(length)]

    def make(number: int) -> Any:
        if number == 0 and not closed:

            def first() -> forms[0]:
                return forms[0]()

            return provider(first, scope=scope)

        def link(before: forms[number - 1]) -> forms[number]:
            it = forms[number]()
            it.before = before
            return it

        link.__name__ = f"link_{number}"
        return provider(link, scope=scope)

    return [make(number) for number in range(length)], forms


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], indirect=True, ids=["asyncio"])
@pytest.mark.parametrize(
    ("scope", "length"), [("app", 2000), ("request", 5000), ("transient", 2000)]
)
async def test_long_chain(scope, length):
    """L05: A chain of 5,000 providers is checked and made without a recursion error."""
    providers, forms = chain(length, scope)
    for sources in (providers, providers[::-1]):
        async with Container(sources).open() as app, app.open() as request:
            link, found = await request.get(forms[-1]), 1
            while hasattr(link, "before"):
                link, found = link.before, found + 1
            assert found == length


async def test_long_chain_of_releases(log):
    """L05: A chain of 1,000 providers with releases is made and released in order."""
    forms = [type(f"Link{n}", (), {}) for n in range(1000)]

    def make(number: int) -> Any:
        async def link(before: forms[number - 1] | None = None) -> AsyncIterator[forms[number]]:
            yield forms[number]()
            log(str(number))

        async def first() -> AsyncIterator[forms[0]]:
            yield forms[0]()
            log("0")

        return provider(link if number else first, scope="request")

    async with Container([make(n) for n in range(1000)]).open() as app, app.open() as request:
        await request.get(forms[-1])
    assert log.events == [str(n) for n in reversed(range(1000))]


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_wide_fan_out(scope):
    """L05: A provider that needs 500 others gets them all."""
    forms = [type(f"Part{n}", (), {}) for n in range(500)]

    def whole(**parts: Any) -> list[Any]:
        return list(parts.values())

    whole.__signature__ = inspect.Signature(
        [
            inspect.Parameter(f"p{n}", inspect.Parameter.KEYWORD_ONLY, annotation=form)
            for n, form in enumerate(forms)
        ],
        return_annotation=list[Any],
    )
    container = Container(
        provider(whole, scope=scope), [provider(form, scope=scope) for form in forms]
    )
    async with container.open() as app, app.open() as request:
        assert [type(part) for part in await request.get(list[Any])] == forms


def test_long_circle_is_reported():
    """L05: A circle of 5,000 providers is found without a recursion error."""
    providers, _ = chain(5000, "app", closed=True)
    with pytest.raises(CycleError) as caught:
        Container(providers)
    assert len(caught.value.chain) == 5000


def test_captive_at_the_end_of_a_long_chain_is_reported():
    """L05: A captive need behind 5,000 transients is found without a recursion error."""
    providers, forms = chain(5000, "transient")

    def outer(link: forms[-1]) -> A:
        raise AssertionError

    first = provider(forms[0], scope="request", replace=True)
    with pytest.raises(CaptiveDependencyError) as caught:
        Container(provider(outer, scope="app"), providers, first)
    assert len(caught.value.chain) == 5001
