"""K01: The text of every error is exactly the one that somebody has read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from texts import golden
from texts.all_programs import NAMES, OF_GRAPHS
from texts.programs import ROOT, in_root, raised


@pytest.mark.parametrize("name", NAMES)
def test_text_is_the_golden_one(name: str) -> None:
    """K01: The text, without colour."""
    golden.check(f"{name}.txt", golden.plain(name))


@pytest.mark.parametrize("name", OF_GRAPHS)
def test_text_in_colour_is_the_golden_one(name: str) -> None:
    """K01: The same, with escape sequences."""
    with in_root():
        golden.check(f"{name}.ansi", raised(name).describe(colour=True))


def test_every_text_has_a_golden_file() -> None:
    """No golden file is left over, and none is missing."""
    expected = {f"{name}.txt" for name in NAMES} | {f"{name}.ansi" for name in OF_GRAPHS}
    found = {path.name for path in golden.FOLDER.iterdir()}
    assert found == expected | {"codes.txt"}


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_other_process_says_the_same(seed: str, tmp_path: Path) -> None:
    """K01: Neither the hash seed nor the order in which programs are run decides anything."""
    program, written = Path(__file__).with_name("telling.py"), tmp_path / "texts.json"
    folders = [str(ROOT / "tests"), str(ROOT / "examples"), *sys.path]
    subprocess.run(
        [sys.executable, program, written],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(folders)},
        check=True,
        timeout=60,
    )
    assert json.loads(written.read_text()) == {name: golden.plain(name) for name in NAMES}


def test_no_path_of_this_machine_is_in_a_text() -> None:
    """K01: Places are relative to the working directory."""
    for name in NAMES:
        text = golden.plain(name)
        assert str(ROOT) not in text, name
        assert "0x" not in text, name
