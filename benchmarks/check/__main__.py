"""`python -m benchmarks.check`: how long building and checking a container takes."""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import lifescope


def _classes(needs: Sequence[Sequence[int]]) -> list[type]:
    """As many classes; each needs those of the numbers, through its `__init__`."""
    made: list[type] = []
    for number, needed in enumerate(needs):
        annotations = {f"p{other}": made[other] for other in needed}
        arguments = ", ".join(["self", *annotations])
        names: dict[str, Any] = {}
        exec(f"def __init__({arguments}): raise AssertionError", names)
        names["__init__"].__annotations__ = annotations
        made.append(type(f"Service{number:04}", (), {"__init__": names["__init__"]}))
    return made


def _flat(count: int) -> list[list[int]]:
    """A quarter needs nothing, the others up to three of those before them."""
    return [[*range(max(0, n - 3), n)] if n % 4 else [] for n in range(count)]


def _deep(count: int) -> list[list[int]]:
    """Each needs the one before it."""
    return [[n - 1] if n else [] for n in range(count)]


def _build(declared: Sequence[Any]) -> Callable[[], None]:
    def build() -> None:
        lifescope.Container(*declared)

    return build


def _refused(declared: Sequence[Any]) -> Callable[[], None]:
    """Build what cannot be built, and make the text of the error."""

    def build() -> None:
        try:
            lifescope.Container(*declared)
        except lifescope.GraphError as error:
            str(error)
        else:
            raise AssertionError("this graph has mistakes")

    return build


def _workloads() -> dict[str, Callable[[], None]]:
    def declared(needs: list[list[int]]) -> list[Any]:
        return [lifescope.provider(cls, scope="app") for cls in _classes(needs)]

    flat, deep, deepest = declared(_flat(1000)), declared(_deep(1000)), declared(_deep(5000))
    return {
        "1,000 providers, flat": _build(flat),
        "1,000 providers, one chain": _build(deep),
        "5,000 providers, one chain": _build(deepest),
        "1,000 providers, flat, every second one forgotten": _refused(flat[::2]),
        "5,000 providers, one chain, its end forgotten": _refused(deepest[1:]),
    }


def _best(workload: Callable[[], None], rounds: int) -> float:
    """Milliseconds of processor time in the best round."""
    times: list[float] = []
    for _ in range(rounds):
        before = time.process_time()
        workload()
        times.append(time.process_time() - before)
    return min(times) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="default: %(default)s")
    rounds = parser.parse_args().rounds
    _say(f"{platform.python_implementation()} {platform.python_version()}\n")
    _say("| graph | ms |\n|---|---:|")
    for name, workload in _workloads().items():
        _say(f"| {name} | {_best(workload, rounds):.0f} |")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
