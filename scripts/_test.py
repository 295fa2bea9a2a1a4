"""The steps of scripts/test: what each runs, and which environment it needs."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from _environments import (
    Environment,
    Interpreter,
    Recipe,
    current_interpreter,
    other_interpreters,
    prepare,
)
from _schedule import Task, run_all
from _steps import CACHE, ROOT, Reporter, Step, stop_on_sigterm

_TYPED = ("src", "tests/typing", "examples", "scripts")
# One more than there are processors, because downloads and other processes are waited for.
_AT_ONCE = (os.cpu_count() or 1) + 1
# For tests that wait for nothing: each worker first collects all of them.
_BUSY = ("-n", str(os.cpu_count() or 1))
# What meets other packages: run with the oldest versions of them, too.
_FRAMEWORKS = ("tests/integrations", "tests/frameworks", "examples/fastapi_docs")


@dataclass
class Counts:
    """How the tests of all pytest runs have ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped

    def add(self, other: "Counts") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Job:
    """A step of the run, and the environments that it needs."""

    name: str
    recipes: tuple[Recipe, ...]
    action: Callable[..., None]

    @property
    def group(self) -> str:
        """The first word of the name: "tests 3.12" is one of the group "tests"."""
        return self.name.split()[0]

    def is_called(self, word: str) -> bool:
        """Whether *word* on the command line means this step."""
        return word in (self.group, self.name.replace(" ", "-"))


def lint(step: Step, dev: Environment) -> None:
    ruff = dev.tool("ruff")
    step.run(ruff, "check", ".")
    step.run(ruff, "format", "--check", ".")


def mypy(step: Step, dev: Environment) -> None:
    step.run(dev.tool("mypy"), "--strict", *_typed())


def pyright(step: Step, dev: Environment) -> None:
    step.run(dev.tool("pyright"), "--pythonpath", dev.python, *_typed())


def _typed() -> list[str]:
    return [folder for folder in _TYPED if any((ROOT / folder).rglob("*.py"))]


def layers(step: Step, dev: Environment) -> None:
    step.run(dev.tool("lint-imports"))


def docs(step: Step, dev: Environment) -> None:
    quiet = {"NO_MKDOCS_2_WARNING": "1"}  # a notice of the theme about its own future
    step.run(dev.tool("mkdocs"), "build", "--strict", "--site-dir", CACHE / "site", env=quiet)


def demo(step: Step) -> None:
    step.run(ROOT / "scripts" / "demo", "--check", env={"PYTHON": sys.executable})


def wheel(step: Step, dev: Environment, bare: Environment, full: Environment) -> None:
    dist = CACHE / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    # The wheel is built from the source distribution, so this shows that one is complete, too.
    step.need(dev.python, "-m", "build", "--no-isolation", "--outdir", dist)
    built = next(dist.glob("*.whl"))
    smoke = ROOT / "scripts" / "_smoke.py"
    _install(step, bare, str(built))
    step.run(bare.python, smoke, cwd=CACHE)
    _install(step, full, f"{built}[fastapi,uvicorn]")
    step.run(full.python, smoke, "--program", ROOT / "examples" / "readme", cwd=CACHE)


def _install(step: Step, environment: Environment, wheel: str) -> None:
    # The version is the same from one run to the next, so pip would keep what is there.
    step.need(*environment.pip, "uninstall", "--yes", "--quiet", "lifescope")
    step.need(*environment.pip, "install", "--quiet", wheel)


def tests(folders: Iterable[str], options: list[str], counts: Counts) -> Callable[..., None]:
    """A step that runs pytest over those of *folders* that exist, and adds to *counts*."""

    def run(step: Step, environment: Environment) -> None:
        report = step.log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        present = [folder for folder in folders if (ROOT / folder).is_dir()]
        if any((ROOT / option.partition("::")[0]).exists() for option in options):
            present = []  # the caller has said which
        # By file, so that what the tests of a module share, such as a server, is made once.
        # tests/conftest.py says which come first.
        workers = ("-n", str(_AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder")
        pytest = (environment.python, "-m", "pytest", *workers, f"--junitxml={report}")
        worked = step.run(*pytest, *options, *present)
        run_counts = _read_counts(report)
        if not run_counts.total:
            step.fail("pytest ran no test")
        if not worked and not run_counts.failed:
            run_counts.failed = 1  # the run itself broke, outside any test
        counts.add(run_counts)

    return run


def _read_counts(report: Path) -> Counts:
    """What a JUnit report of pytest says; all zero if there is none."""
    if not report.exists():
        return Counts()
    suites = list(ET.parse(report).iter("testsuite"))

    def total(*names: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites for name in names)

    failed = total("failures", "errors")
    skipped = total("skipped")
    return Counts(total("tests") - failed - skipped, failed, skipped)


def all_jobs(main: Interpreter, pytest_options: list[str], counts: Counts) -> list[Job]:
    """Every step: what is quick to fail comes first."""
    dev = Recipe("dev", main, ("dev",), editable=True)
    bare = Recipe("wheel-bare", main)
    full = Recipe("wheel-full", main, ("oldest",))
    oldest = Recipe("oldest", main, ("oldest",), editable=True, oldest=True)
    everything = tests(("tests", "examples", "benchmarks"), pytest_options, counts)
    asyncio = [*_BUSY, "-k", "not uvloop and not trio"]
    frameworks = tests(_FRAMEWORKS, [*asyncio, *pytest_options], counts)
    found = other_interpreters(main)
    others = [
        Job(
            f"tests {other.minor}",
            (Recipe("core", other, ("core",), editable=True),),
            tests(("tests",), [*_less(is_newest=other is found[-1]), *pytest_options], counts),
        )
        for other in found
    ]
    return [
        Job("lint", (dev,), lint),
        Job("types mypy", (dev,), mypy),
        Job("types pyright", (dev,), pyright),
        Job("layers", (dev,), layers),
        Job("docs", (dev,), docs),
        Job("wheel", (dev, bare, full), wheel),
        Job("demo", (), demo),
        Job(f"tests {main.minor}", (dev,), everything),
        *others,
        Job("tests oldest", (oldest,), frameworks),
    ]


def _less(*, is_newest: bool) -> list[str]:
    """What the other interpreters leave out, so that the run stays below a quarter of an hour.

    Servers, databases, drawings and uvloop take most of the time, and differ little from one
    interpreter to the next. The newest runs plain asyncio and trio; the others run eager tasks
    only, and not what goes through many graphs and processes.
    """
    left_out = ["servers", "outcomes", "frameworks", "browser", "render", "test_layering.py"]
    # Texts, and what needs the packages of the examples.
    left_out += ["cli", "pages", "pytest_plugin", "texts", "broken"]
    loops = ["uvloop", "eager"]
    if not is_newest:
        left_out += ["server", "property"]
        loops = ["uvloop", "asyncio", "trio"]
    # Only as a part of the brackets at the end of a name, which "test_eager_start" has not.
    parts = " and ".join(f"not {loop}{end}" for loop in loops for end in "]-")
    ignored = [f"--ignore=tests/{name}" for name in left_out]
    return [*_BUSY, *ignored, "-k", parts]


def run_jobs(jobs: list[Job], reporter: Reporter, *, at_once: int) -> None:
    """Run *jobs* and make their environments, *at_once* of these side by side.

    Tests have the machine to themselves. A job whose environment cannot be made has failed.
    """
    made: dict[Recipe, Environment | None] = {}
    making: dict[Recipe, Task] = {}
    tasks: list[Task] = []

    def make(recipe: Recipe) -> None:
        made[recipe] = prepare(recipe, reporter)

    def run(job: Job) -> None:
        environments = [made[recipe] for recipe in job.recipes]
        if None in environments:
            reporter.skip(job.name, "no environment to run it in")
        else:
            reporter.step(job.name, lambda step: job.action(step, *environments))

    for job in jobs:
        for recipe in job.recipes:
            if recipe not in making:
                making[recipe] = Task(partial(make, recipe))
                tasks.append(making[recipe])
        needs = [making[recipe] for recipe in job.recipes]
        tasks.append(Task(partial(run, job), needs, alone=job.group == "tests"))
    run_all(tasks, at_once, give_up=reporter.give_up)


def main() -> int:
    arguments, pytest_options = _arguments()
    stop_on_sigterm()
    counts = Counts()
    jobs = all_jobs(current_interpreter(), pytest_options, counts)
    chosen = _choose(jobs, arguments.steps)
    reporter = Reporter(verbose=arguments.verbose)
    try:
        run_jobs(chosen, reporter, at_once=1 if arguments.verbose else _AT_ONCE)
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 130
    return _conclude(chosen, reporter, counts)


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    """The command line; what follows -- is for pytest."""
    own, pytest_options = sys.argv[1:], list[str]()
    if "--" in own:
        split = own.index("--")
        own, pytest_options = own[:split], own[split + 1 :]
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description="Run every check of the project, or the chosen steps.",
        epilog="Steps: lint, types (or one: types-mypy, types-pyright), layers, docs, wheel, demo,"
        " tests (or one interpreter's: tests-3.12). All but the tests run side by side, unless"
        " --verbose. What follows -- is for pytest: scripts/test tests-3.11 -- -k rollback",
    )
    parser.add_argument("steps", nargs="*", metavar="step", help="only these steps")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all output")
    return parser.parse_args(own), pytest_options


def _choose(jobs: list[Job], words: list[str]) -> list[Job]:
    """Those of *jobs* that *words* name; all of them if there are no words."""
    for word in words:
        if not any(job.is_called(word) for job in jobs):
            known = dict.fromkeys(
                name for job in jobs for name in (job.group, job.name.replace(" ", "-"))
            )
            sys.exit(f"no step is called {word!r}; there are: {', '.join(known)}")
    return [job for job in jobs if not words or any(job.is_called(word) for word in words)]


def _conclude(jobs: list[Job], reporter: Reporter, counts: Counts) -> int:
    """Print how the run ended; its exit code."""
    if reporter.failed:
        print(f"\nfailed: {', '.join(reporter.failed)} (logs in .cache/log)")
    if any(job.group == "tests" for job in jobs):
        print(counts)
        if not counts.total:
            return 1
    return 1 if reporter.failed else 0


if __name__ == "__main__":
    sys.exit(main())
