"""A contestant's process: `python -m benchmarks.peers.worker NAME`, started by `workers`.

It imports all that the contestant needs, says what the contestant is, and then forks for each
workload, so that none sees what another has left behind. It reads and writes lines of JSON:

    {"workload": "w3", ...}    the child: prepares, checks, warms up, and says {"ready": [...]}
    "sample"                   the child: {"seconds": ...} per operation
    "stop"                     the child: checks once more, {"done": [...]}, and ends

What is measured once per process (W6, W10) answers the first line with {"figures": ...}.
"""

import gc
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any, TextIO

from benchmarks.peers import building, memory
from benchmarks.peers.contestants import load
from benchmarks.peers.exercises import Exercise, prepare
from benchmarks.peers.loops import pin, run
from benchmarks.peers.workloads import BY_ID, Workload

Job = dict[str, Any]


class Channel:
    """The harness's end of stdin and stdout; what else writes to stdout goes to stderr."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    def answer(self, message: Job) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def next_line(self) -> str:
        return sys.stdin.readline().strip()


def main() -> None:
    """Say what the contestant is, then do what stdin says, until it ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)  # Litestar switches it on
    channel, name = Channel(), sys.argv[1]
    try:
        contestant = load(name)
    except ImportError as error:
        channel.answer({"error": f"not installed: {error}"})
        return
    channel.answer(
        {
            "label": contestant.label,
            "practice": contestant.practice,
            "versions": {each: version(each) for each in contestant.distributions},
            "unable": dict(contestant.unable),
            "notes": dict(contestant.notes),
        }
    )
    while line := channel.next_line():
        _fork(channel, name, json.loads(line))


def _fork(channel: Channel, name: str, job: Job) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _work(channel, name, job)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        channel.answer({"error": f"its process ended with {os.waitstatus_to_exitcode(status)}"})


def _work(channel: Channel, name: str, job: Job) -> None:
    workload = BY_ID[job["workload"]]
    pin(job.get("core"))
    try:
        run(_FORMS.get(workload.form, _repeat)(channel, name, workload, job))
    except BaseException as error:
        channel.answer({"error": _in_one_line(error)})


def _in_one_line(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{text[:200]} ({os.path.basename(last.filename)}:{last.lineno})"


async def _repeat(channel: Channel, name: str, workload: Workload, job: Job) -> None:
    exercise = await prepare(workload, load(name))
    await exercise.check()
    gc.collect()
    gc.freeze()  # what the imports have left is not the contestant's to look through
    count = await _fitting_count(exercise, job["seconds"])
    channel.answer({"ready": exercise.remarks})
    while channel.next_line() == '"sample"':
        channel.answer({"seconds": await _timed(exercise, count)})
    await exercise.check()
    await exercise.stop()
    channel.answer({"done": exercise.remarks})


async def _timed(exercise: Exercise, count: int) -> float:
    """Seconds of processor time per operation; nothing here waits, and others use the machine."""
    gc.collect()
    began = time.process_time()
    await exercise.run(count)
    return (time.process_time() - began) / (count * exercise.per_run)


async def _fitting_count(exercise: Exercise, seconds: float) -> int:
    """How many runs take about so many seconds; finding out warms up, too."""
    count = 1
    while (took := await _timed(exercise, count) * count * exercise.per_run) < seconds / 4:
        count = max(count + 1, min(count * 8, int(count * seconds / 2 / max(took, 1e-7))))
    return max(1, round(count * seconds / took))


async def _build(channel: Channel, name: str, workload: Workload, job: Job) -> None:
    figures = await building.build(workload, name, is_traced=job["is_traced"])
    channel.answer({"figures": figures, "done": []})


async def _memory(channel: Channel, name: str, workload: Workload, job: Job) -> None:
    exercise = await prepare(workload, load(name))
    await exercise.check()
    figures = await memory.measure(exercise.run, job["operations"])
    await exercise.stop()
    channel.answer({"figures": figures, "done": exercise.remarks})


async def _serve(channel: Channel, name: str, workload: Workload, job: Job) -> None:
    from benchmarks.peers import server

    exercise = await prepare(workload, contestant := load(name))
    await exercise.check()  # the same route, before it is served
    await exercise.stop()
    channel.answer({"ready": exercise.remarks})
    del contestant
    await server.serve(workload, load(name), channel.answer)
    channel.answer({"done": exercise.remarks})


_FORMS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    "build": _build,
    "memory": _memory,
    "server": _serve,
}

if __name__ == "__main__":
    main()
