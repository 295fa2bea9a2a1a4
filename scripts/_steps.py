"""Running the project's steps: one line for each, its output only when it failed.

Owns the log files below .cache/log and everything that is printed about a step.
Needs the standard library only, because it runs before any environment exists.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"

_HEARTBEAT = 30.0  # seconds between signs of life where no terminal shows a running clock
_MOST_LINES = 1500  # of one step's output; the end of it says most
_TAIL = 4096  # bytes of a log in which a percentage is looked for
_PERCENT = re.compile(rb"(\d+)%")
_FOREIGN = (
    "PYTHONDONTWRITEBYTECODE",  # hundreds of processes are started, each would compile everything
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)


class StepStoppedError(Exception):
    """Raised inside a step when the rest of it makes no sense any more."""


class Step:
    """One running step: its commands, their log, and whether all of them worked.

    Args:
        name: What it is called.
        limit: Seconds that it may take.
        tick: Called with the step, about every second while a command runs.
    """

    def __init__(self, name: str, *, limit: float, tick: "Callable[[Step], None]") -> None:
        self.name = name
        self.failed = False
        self.log = CACHE / "log" / f"{name.replace(' ', '-')}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self.next_heartbeat = _HEARTBEAT
        self._tick = tick
        self._shown = 0
        self._limit = limit
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def run(
        self,
        *command: str | Path,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> bool:
        """Run *command* to its end, its output going to the log; True if it succeeded."""
        argv = [str(part) for part in command]
        self.say(f"$ {' '.join(argv)}")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**clean_environ(), "PYTHONUNBUFFERED": "1", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that all of its children can be stopped with it
            )
            try:
                code = self._wait(process)
            finally:
                _stop(process)
        if code == 0:
            return True
        self.fail(f"exit code {code}" if code is not None else f"no end after {self._limit:.0f} s")
        return False

    def need(self, *command: str | Path, cwd: Path = ROOT) -> None:
        """Run *command*; if it fails, stop the step here."""
        if not self.run(*command, cwd=cwd):
            raise StepStoppedError

    def say(self, text: str) -> None:
        """Add a line to the step's log."""
        with self.log.open("a") as log:
            log.write(f"{text}\n")

    def fail(self, why: str) -> None:
        """Count the step as failed, and say why in its log."""
        self.failed = True
        self.say(f"-> {why}")

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        while self.seconds < self._limit:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=1)
            self._tick(self)
        return None

    def progress(self) -> str:
        """How long it has been running, and how far it is if a command says so."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL))
            percents = _PERCENT.findall(log.read())
        reached = f", {percents[-1].decode()} %" if percents else ""
        return f"{self.seconds:.0f} s{reached}"

    def show(self) -> None:
        """Print what the log holds and has not been printed; of very much, the end."""
        with self.log.open("rb") as log:
            log.seek(self._shown)
            fresh = log.read()
        self._shown += len(fresh)
        lines = fresh.decode(errors="replace").splitlines(keepends=True)
        if left_out := max(0, len(lines) - _MOST_LINES):
            print(f"({left_out} lines are left out here; {self.log.relative_to(ROOT)} has them)")
        sys.stdout.write("".join(lines[left_out:]))
        sys.stdout.flush()


class Reporter:
    """Runs steps and prints a line for each when it has ended.

    Several threads may run steps at the same time.
    """

    def __init__(self, *, verbose: bool = False, limit: float = 900) -> None:
        self.failed: list[str] = []
        self._verbose = verbose
        self._limit = limit
        self._has_clock = sys.stdout.isatty() and not verbose
        self._running: list[Step] = []
        self._given_up = False
        self._lock = Lock()

    def step(self, name: str, action: Callable[[Step], None]) -> bool:
        """Run *action* as the step *name*; True if it worked."""
        step = Step(name, limit=self._limit, tick=self._tick)
        with self._lock:
            self._running.append(step)
            self._show_clock()
        try:
            action(step)
        except StepStoppedError:
            step.failed = True
        finally:
            with self._lock:
                self._running.remove(step)
        with self._lock:
            if not self._given_up:
                self._report(step)
                self._show_clock()
        return not step.failed

    def skip(self, name: str, why: str) -> None:
        """Count the step *name* as failed without running it."""
        with self._lock:
            self.failed.append(name)
            self._print(f"{name} ... not run: {why}")

    def give_up(self) -> None:
        """End the commands that run, and say nothing more."""
        self._given_up = True

    def _tick(self, step: Step) -> None:
        if self._given_up:
            raise StepStoppedError
        with self._lock:
            if self._verbose:
                step.show()
            elif self._has_clock:
                self._show_clock()
            elif step.seconds >= step.next_heartbeat:
                step.next_heartbeat += _HEARTBEAT
                self._print(f"{step.name} ... {step.progress()}")

    def _report(self, step: Step) -> None:
        outcome = "FAILED" if step.failed else "ok"
        if self._verbose:
            step.show()
        self._print(f"{step.name} ... {outcome} ({step.seconds:.1f} s)")
        if step.failed:
            self.failed.append(step.name)
            step.show()

    def _show_clock(self) -> None:
        """What runs, on the last line of a terminal."""
        if self._has_clock and self._running and not self._given_up:
            line = ", ".join(f"{step.name} ... {step.progress()}" for step in self._running)
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{line[:width]}", end="", flush=True)

    def _print(self, line: str) -> None:
        start = "\r\033[K" if self._has_clock else ""
        print(f"{start}{line}", flush=True)


def stop_on_sigterm() -> None:
    """Make SIGTERM end this program as Ctrl-C does, so that what it has started ends with it."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def clean_environ() -> dict[str, str]:
    """The variables of this process, without those that would lead an environment astray."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End *process* and all that it has started, if any of it is still running."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
