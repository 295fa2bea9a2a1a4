"""`python -m benchmarks.overrides`: what an override costs each test of a suite."""

import argparse
import contextlib
import gc
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

CLIENTS = {"httpx": "`httpx.AsyncClient`, async", "client": "`TestClient`"}


class _Timer:
    """A plugin of pytest that takes the time of all tests, without their collection."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        gc.collect()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Function, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        before = time.process_time()
        result = yield
        if nextitem is not None and "[0-" not in item.name:  # not the start and the stop of apps
            variant: str = item.callspec.params["variant"]
            seconds = time.process_time() - before
            self.seconds[variant] = self.seconds.get(variant, 0) + seconds
        return result


def _measure(tests: str) -> None:
    """Run them in this process, and print the seconds of processor time."""
    timer = _Timer()
    suite = str(Path(__file__).with_name("suite.py"))
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", os.curdir]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = pytest.main([*options, "-k", f"test_{tests}", suite], plugins=[timer])
    if code:
        sys.exit(printed.getvalue())
    _say(json.dumps(timer.seconds))


def _run(tests: str) -> dict[str, float]:
    """Milliseconds for each test of each variant, in a process of its own."""
    from benchmarks.overrides.suite import TESTS

    command = [sys.executable, "-m", "benchmarks.overrides", "--measure", tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr + done.stdout)
    found: dict[str, float] = json.loads(done.stdout)
    return {variant: seconds / (TESTS - 1) * 1000 for variant, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overrides", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        _measure(arguments.measure)
        return
    from benchmarks.overrides.suite import TESTS, VARIANTS

    _say(f"{platform.python_implementation()} {platform.python_version()}, {TESTS} tests")
    for tests, title in CLIENTS.items():
        rounds = [_run(tests) for _ in range(arguments.rounds)]
        _say(f"\n## {title}\n\n| each test with | ms | times |\n|---|---:|---:|")
        for variant in VARIANTS:
            least = min(found[variant] for found in rounds)
            times = statistics.median(found[variant] / found["no override"] for found in rounds)
            _say(f"| {variant} | {least:.2f} | {times:.2f} |")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
