"""Measures a workload: all contestants ready, then a sample of each per round, in turn."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.peers.contestants.contestant import lookup
from benchmarks.peers.results import SECONDS, Cell, Row, conclude
from benchmarks.peers.workers import Worker, WorkerError
from benchmarks.peers.workloads import Workload

Workers = dict[str, Worker]


@dataclass(frozen=True)
class Effort:
    """How much is done of everything.

    Attributes:
        rounds: Of what is repeated and short.
        app_rounds: Of what calls an app.
        single_rounds: Of what takes a process each.
        seconds: A sample takes so long; of an app, twice as long.
        load_seconds: A round of the server takes so long.
        operations: Scopes whose growth is measured; a tenth as many requests.
    """

    rounds: int = 9
    app_rounds: int = 7
    single_rounds: int = 3
    seconds: float = 0.06
    load_seconds: float = 2.0
    operations: int = 50_000

    def with_rounds(self, rounds: int) -> "Effort":
        """The same, with so many rounds of everything."""
        return replace(self, rounds=rounds, app_rounds=rounds, single_rounds=rounds)


QUICK = Effort(3, 3, 1, 0.01, 0.3, 1000)


def measure(workload: Workload, workers: Workers, effort: Effort) -> Row:
    """One row of the tables, with ratios to the baseline of the same round."""
    row = {name: _new_cell(worker, workload) for name, worker in workers.items()}
    able = {name: worker for name, worker in workers.items() if not row[name].unable}
    _FORMS.get(workload.form, _repeat)(workload, able, row, effort)
    conclude(row)
    return row


def _new_cell(worker: Worker, workload: Workload) -> Cell:
    unable = lookup(worker.about["unable"], workload.id) or ""
    remarks = lookup(worker.about["notes"], workload.id) or ()
    return Cell(unable=unable, remarks=[] if unable else list(remarks))


@contextmanager
def _noted(cell: Cell) -> Iterator[None]:
    """What goes wrong inside is a contestant's failure, and does not end the run."""
    try:
        yield
    except WorkerError as error:
        cell.failed = str(error)


def _turns(able: Workers, row: Row, rounds: int) -> Iterator[tuple[Worker, Cell]]:
    """Everybody once per round, but who has failed; each round begins with another one."""
    names = list(able)
    for i in range(rounds):
        first = i % len(names) if names else 0
        for name in names[first:] + names[:first]:
            if not row[name].failed:
                yield able[name], row[name]


def _repeat(workload: Workload, able: Workers, row: Row, effort: Effort) -> None:
    seconds = effort.seconds * (2 if workload.framework else 1)
    rounds = effort.app_rounds if workload.framework else effort.rounds
    _make_ready(able, row, {"workload": workload.id, "seconds": seconds, "core": _core(-1)})
    for worker, cell in _turns(able, row, rounds):
        with _noted(cell):
            cell.add(worker.ask("sample"))
    _stop(able, row)


def _make_ready(able: Workers, row: Row, job: dict[str, Any]) -> None:
    for worker, cell in _turns(able, row, 1):
        with _noted(cell):
            cell.remark(worker.ask(job)["ready"])


def _stop(able: Workers, row: Row) -> None:
    """The last checks; a contestant that fails them has failed."""
    for worker, cell in _turns(able, row, 1):
        with _noted(cell):
            cell.remark(worker.ask("stop")["done"])


def _build(workload: Workload, able: Workers, row: Row, effort: Effort) -> None:
    for _ in range(effort.single_rounds):
        _once(workload, able, row, {"is_traced": False})
    if workload.graph == "flat":  # tracing takes long, and the others would say the same
        _once(workload, able, row, {"is_traced": True})


def _memory(workload: Workload, able: Workers, row: Row, effort: Effort) -> None:
    operations = effort.operations // (10 if workload.framework else 1)
    _once(workload, able, row, {"operations": operations})


def _once(workload: Workload, able: Workers, row: Row, job: dict[str, Any]) -> None:
    """What a fresh process does once."""
    for worker, cell in _turns(able, row, 1):
        with _noted(cell):
            answer = worker.ask({"workload": workload.id, "core": _core(-1), **job})
            cell.add(answer["figures"])
            cell.remark(answer["done"])


def _serve(workload: Workload, able: Workers, row: Row, effort: Effort) -> None:
    """All servers run; the client turns to one after the other, while the others wait."""
    _make_ready(able, row, {"workload": workload.id, "core": _core(0)})
    ports: dict[str, int] = {}
    for worker, cell in _turns(able, row, 1):
        with _noted(cell):
            ports[worker.name] = worker.listen()["port"]
    for worker, cell in _turns(able, row, 1):
        with _noted(cell):
            _load(worker, ports[worker.name], effort.load_seconds / 4)  # it warms up
    for worker, cell in _turns(able, row, effort.app_rounds):
        with _noted(cell):
            cell.add(_load(worker, ports[worker.name], effort.load_seconds))
    _stop(able, row)


def _load(worker: Worker, port: int, seconds: float) -> dict[str, float]:
    before = worker.ask("processor time")[SECONDS]
    command = [sys.executable, "-m", "benchmarks.peers.client", str(port), str(seconds)]
    if (core := _core(-1)) is not None:
        command.append(str(core))
    client = subprocess.run(command, capture_output=True, text=True, timeout=60 + 2 * seconds)
    after = worker.ask("processor time")[SECONDS]
    if client.returncode:
        raise WorkerError(f"the client has failed: {client.stderr[-200:]}")
    found = json.loads(client.stdout)
    if found["errors"]:
        raise WorkerError(f"not all answers were 200: {found['errors']}")
    return {SECONDS: (after - before) / found["requests"], **found["figures"]}


def _core(index: int) -> int | None:
    """A processor to stay on, where that can be said."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return sorted(os.sched_getaffinity(0))[index]


_FORMS = {"build": _build, "memory": _memory, "server": _serve}
