"""K01, K07, K10: what the commands say about the examples, to the letter."""

import re
from pathlib import Path

import pytest

from cli import golden
from cli.conftest import Run

ROOT = Path(__file__).parents[2]

COMMANDS = {
    "notes_check": ["check", "notes.app:app"],
    "notes_graph": ["graph", "notes.app:app"],
    "notes_explain_session": ["explain", "notes.app:app", "AsyncSession"],
    "notes_explain_feed": ["explain", "notes.app:app", "notes.feed.Feed"],
    "notes_plan_create": ["plan", "notes.app:app", "POST /notes"],
    "notes_plan_start": ["plan", "notes.app:app", "start"],
    "chat_check": ["check", "chat.app:app"],
    "chat_graph": ["graph", "chat.app:app"],
    "chat_explain_bus": ["explain", "chat.app:app", "Bus"],
    "chat_explain_rules": ["explain", "chat.app:app", "list[Rule]"],
    "chat_plan_live": ["plan", "chat.app:app", "/rooms/{room}/live"],
    "chat_plan_page": ["plan", "chat.app:app", "GET /"],
    "shop_check": ["check", "shop.app:app"],
    "shop_graph": ["graph", "shop.app:app"],
    "shop_explain_gateway": ["explain", "shop.app:app", "Gateway"],
    "shop_explain_replica": ["explain", "shop.app:app", "AsyncSession:replica"],
    "shop_plan_place_order": ["plan", "shop.app:app", "place_order"],
    "shop_plan_export": ["plan", "shop.app:app", "/orders.csv", "--source"],
}


@pytest.fixture(autouse=True)
def in_the_folder_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("CHAT_REDIS_URL", "SHOP_DATABASE_URL", "NOTES_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_output_is_the_golden_one(run: Run, name: str) -> None:
    """It passes, and says exactly what somebody has looked at: nothing of this machine."""
    done = run(*COMMANDS[name], "--app-dir", "examples")
    assert (done.code, done.err) == (0, "")
    assert str(ROOT) not in done.out
    assert not re.search(r"\b0x[0-9a-f]{6,}", done.out)
    golden.check(f"{name}.txt", done.out)


def test_strict_check_of_the_examples(run: Run) -> None:
    """They have nothing to spare."""
    for name in ("notes", "chat", "shop"):
        assert run("check", f"{name}.app:app", "--app-dir", "examples", "--strict").code == 0


def test_no_file_is_left_over() -> None:
    """Nor is one missing."""
    assert sorted(p.stem for p in golden.FOLDER.iterdir()) == sorted(COMMANDS)
