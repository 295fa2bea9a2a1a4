"""What type checkers say about programs that use lifescope: one run of each."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
ACCEPTED = TESTS / "typing"
REJECTED = TESTS / "typing_rejected"

Findings = dict[str, set[str]]
"""`file:line` to the codes of the errors there."""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: there are errors, as there should be
        pytest.fail(done.stdout + done.stderr)
    return done.stdout


def with_mypy() -> Findings:
    pytest.importorskip("mypy")
    found: Findings = defaultdict(set)
    for line in run("mypy", "--strict", "--output", "json", ACCEPTED, REJECTED).splitlines():
        if line.startswith("{"):
            error: dict[str, Any] = json.loads(line)
            if error["severity"] == "error":
                found[f"{Path(error['file']).name}:{error['line']}"].add(error["code"])
    return found


def with_pyright() -> Findings:
    pytest.importorskip("pyright")
    output = run("pyright", "--outputjson", "--pythonpath", sys.executable, ACCEPTED, REJECTED)
    report: dict[str, Any] = json.loads(output[output.index("{") :])
    assert report["summary"]["filesAnalyzed"] == len(list(files()))
    found: Findings = defaultdict(set)
    for error in report["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        found[f"{Path(error['file']).name}:{line}"].add(error.get("rule", error["message"]))
    return found


def files() -> list[Path]:
    return [*ACCEPTED.glob("*.py"), *REJECTED.glob("*.py")]


def expected(column: int) -> Findings:
    """What the comments of the rejected lines promise; 0 for mypy, 1 for pyright."""
    promised: Findings = {}
    for path in files():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if comment := re.search(r"# E: (.*)$", line):
                codes = comment[1].split("|")[column]
                promised[f"{path.name}:{number}"] = {code.strip() for code in codes.split(",")}
    return promised


@pytest.mark.parametrize(("check", "column"), [(with_mypy, 0), (with_pyright, 1)])
def test_types_hold(check: Callable[[], Findings], column: int) -> None:
    """Right programs pass in strict mode, and each mistake is found where it is."""
    promised = expected(column)
    assert len(promised) > 30
    assert check() == promised
