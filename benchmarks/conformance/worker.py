"""Runs cases for one column, in a process of its own; one line of JSON for each on stdout.

`python -m benchmarks.conformance.worker COLUMN CASE...`; started by `runner`, which also kills
it when a case blocks the whole event loop.
"""

import asyncio
import gc
import json
import logging
import re
import sys
import warnings
from time import monotonic

from benchmarks.conformance.adapters import PEERS
from benchmarks.conformance.cases import CASES
from benchmarks.conformance.harness import LIMIT, Case, Log
from benchmarks.conformance.protocol import CannotExpressError, Peer


def _forget(generator: object) -> None:
    """What the garbage collector would happen to close, some time, counts as not released."""


async def _limited(case: Case, peer: Peer) -> None:
    sys.set_asyncgen_hooks(finalizer=_forget)
    async with asyncio.timeout(LIMIT):
        await case.run(peer, Log())


def judge(case: Case, peer: Peer) -> tuple[str, str]:
    """Run one case on a fresh event loop: "pass", "FAIL" or "n/a", and why."""
    began = monotonic()
    try:
        asyncio.run(_limited(case, peer))
    except CannotExpressError as reason:
        return "n/a", str(reason)
    except BaseException as error:
        if monotonic() - began >= LIMIT:
            return "FAIL", "hangs"
        return "FAIL", _in_one_line(error)
    return "pass", ""


def _in_one_line(error: BaseException) -> str:
    text = f"{error}" if type(error) is AssertionError else f"{type(error).__name__}: {error}"
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))[:300]


def main() -> None:
    """Run the cases that the command line names."""
    column, *ids = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    by_id = {case.id: case for case in CASES}
    for each in ids:
        result, why = judge(by_id[each], PEERS[column])
        sys.stdout.write(json.dumps([each, result, why]) + "\n")
        sys.stdout.flush()
        gc.collect()


if __name__ == "__main__":
    main()
