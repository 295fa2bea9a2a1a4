"""`python -m benchmarks.overrides`: what an override costs each test of a suite."""

import argparse
import asyncio
import gc
import platform
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from benchmarks.overrides.shop import FORMS, OVERRIDDEN, create_app, make_container
from httpx import ASGITransport, AsyncClient

from lifescope import Container, provider
from lifescope.testing import running

TESTS = 200

Around = Callable[[Container, int], AbstractAsyncContextManager[Any]]
"""What is around the test of that number."""


def _nothing(container: Container, number: int) -> AbstractAsyncContextManager[Any]:
    return nullcontext()


def _with_an_object(container: Container, number: int) -> AbstractAsyncContextManager[Any]:
    form = FORMS[OVERRIDDEN[number % len(OVERRIDDEN)]]
    return container.override(form, form())


def _with_a_local_object(container: Container, number: int) -> AbstractAsyncContextManager[Any]:
    form = FORMS[OVERRIDDEN[number % len(OVERRIDDEN)]]
    return container.override(form, form(), local=True)


FAKES = {
    name: provider(FORMS[name], scope="request" if name in ("Shipping", "Users") else "app")
    for name in OVERRIDDEN
}


def _with_a_provider(container: Container, number: int) -> AbstractAsyncContextManager[Any]:
    name = OVERRIDDEN[number % len(OVERRIDDEN)]
    return container.override(FORMS[name], FAKES[name])


def _with_a_new_provider(container: Container, number: int) -> AbstractAsyncContextManager[Any]:
    name = OVERRIDDEN[number % len(OVERRIDDEN)]
    fake = type(name, (FORMS[name],), {})
    return container.override(FORMS[name], provider(fake, scope=FAKES[name].scope))


VARIANTS: dict[str, Around] = {
    "without an override": _nothing,
    "with an object": _with_an_object,
    "with an object, `local=True`": _with_a_local_object,
    "with a provider": _with_a_provider,
    "with a provider that the test defines": _with_a_new_provider,
}


async def _run(around: Around) -> float:
    """Milliseconds of processor time of all tests, on an app that has just started."""
    container = make_container()
    async with running(container.asgi(create_app)) as app:
        await _test(app, nullcontext())
        gc.collect()
        before = time.process_time()
        for number in range(TESTS):
            await _test(app, around(container, number))
        return (time.process_time() - before) * 1000


async def _test(app: Any, around: AbstractAsyncContextManager[Any]) -> None:
    """A test as the documentation of FastAPI has it, with a client of its own."""
    async with (
        around,
        AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as http,
    ):
        response = await http.get("/buy")
        assert response.json() == {"bought": "Handler"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overrides", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="default: %(default)s")
    rounds = parser.parse_args().rounds
    _say(f"{platform.python_implementation()} {platform.python_version()}, {TESTS} tests\n")
    _say("| each test | ms | times |\n|---|---:|---:|")
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):  # they take turns, as a machine has slower and faster minutes
        for name, around in VARIANTS.items():
            found[name].append(asyncio.run(_run(around)))
    least = min(found["without an override"])
    for name, times in found.items():
        _say(f"| {name} | {min(times):.0f} | {min(times) / least:.2f} |")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
