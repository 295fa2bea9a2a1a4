"""`python -m benchmarks.overrides`: what an override costs each test of a suite."""

import argparse
import contextlib
import gc
import io
import os
import platform
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
        self.seconds = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        gc.collect()
        before = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds = time.process_time() - before


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
    _say(str(timer.seconds))


def _run(variant: str, tests: str) -> float:
    """Milliseconds for each test, in a process of its own."""
    from benchmarks.overrides.suite import TESTS

    command = [sys.executable, "-m", "benchmarks.overrides", "--measure", tests]
    environment = {**os.environ, "OVERRIDES_VARIANT": variant}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr + done.stdout)
    return float(done.stdout) / TESTS * 1000


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
        found: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _ in range(arguments.rounds):  # they take turns: a machine has slower minutes
            for variant, times in found.items():
                times.append(_run(variant, tests))
        least = min(found["no override"])
        _say(f"\n## {title}\n\n| each test with | ms | times |\n|---|---:|---:|")
        for variant, times in found.items():
            _say(f"| {variant} | {min(times):.2f} | {min(times) / least:.2f} |")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
