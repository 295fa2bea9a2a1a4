"""Copies of the examples with mistakes, and what `lifescope check` says of them."""

import compileall
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import lifescope
from broken.variants import VARIANTS, Edit

EXAMPLES = Path(__file__).parents[2] / "examples"
CHECKING = Path(__file__).with_name("checking.py")


class Said(NamedTuple):
    """How the command ended, and what it has written."""

    code: int
    out: str
    err: str


class Examples:
    """The examples in *base*, each variant in a folder of its own; a process checks them."""

    def __init__(self, base: Path, checking: "subprocess.Popen[str]") -> None:
        self.originals = base / "originals"
        self._base = base
        self._checking = checking
        for example in {variant.app.partition(".")[0] for variant in VARIANTS.values()}:
            ignored = shutil.ignore_patterns("__pycache__", "tests")
            shutil.copytree(EXAMPLES / example, self.originals / example, ignore=ignored)
        compileall.compile_dir(self.originals, quiet=1)  # and not once more for each variant
        self.wrong = functools.cache(self._wrong)

    def folder(self, kind: str, name: str) -> Path:
        """Where a variant is."""
        return self._base / kind / name

    def _wrong(self, name: str) -> Said:
        """What is said of a variant."""
        return self._check("wrong", name, VARIANTS[name].wrong)

    def mended(self, name: str) -> Said:
        """What is said of it when somebody has done something about it."""
        return self._check("mended", name, [*VARIANTS[name].wrong, *VARIANTS[name].mend])

    def _check(self, kind: str, name: str, edits: Iterable[Edit]) -> Said:
        folder, app = self.folder(kind, name), VARIANTS[name].app
        example = app.partition(".")[0]
        shutil.copytree(self.originals / example, folder / example)
        for edit in edits:
            text = (folder / edit.file).read_text(encoding="utf-8")
            assert text.count(edit.old) == 1, f"{edit.old!r} stands there {text.count(edit.old)}x"
            (folder / edit.file).write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        return self.check(folder, app)

    def check(self, folder: Path, app: str) -> Said:
        """What is said of the *app* in *folder*."""
        asking, answering = self._checking.stdin, self._checking.stdout
        assert asking is not None
        assert answering is not None
        print(json.dumps([str(folder), app]), file=asking, flush=True)
        return Said(*json.loads(answering.readline()))


def environment() -> dict[str, str]:
    """Nothing of the user's, and lifescope as it is here."""
    source = str(Path(lifescope.__file__).parents[1])
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Generator[Examples]:
    """All that the tests have looked at is looked at once."""
    base = tmp_path_factory.mktemp("broken")
    with subprocess.Popen(
        [sys.executable, CHECKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=base,
        env=environment(),
    ) as checking:
        yield Examples(base, checking)
        assert checking.stdin is not None
        checking.stdin.close()
        assert checking.wait(timeout=30) == 0
