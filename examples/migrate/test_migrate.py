"""The app gives the same answers before and after, and where it does not, that is the gain."""

import ast
import re
from pathlib import Path

import pytest

from migrate import after, asking, depends, halfway
from migrate.asking import ANSWERS
from migrate.orders import FakePrices, Prices

HERE = Path(__file__).parent

APPS = {"before": depends.app, "halfway": halfway.app, "after": after.app}


@pytest.fixture(autouse=True)
def no_overrides() -> None:
    """The app with Depends has one dictionary of them, for everybody."""
    assert not depends.app.dependency_overrides


@pytest.mark.parametrize("form", APPS)
def test_same_answers(form: str) -> None:
    """Each form says what the list says, for the first start and for a second one."""
    first, second = asking.ask(APPS[form]), asking.ask(APPS[form])
    assert first.answers == second.answers == ANSWERS


@pytest.mark.parametrize("form", APPS)
def test_refused_order_is_not_stored(form: str) -> None:
    """G4: what was written before the 409 is rolled back; RESULTS.md has what others do."""
    assert asking.ask(APPS[form]).stored == ["tea", "kettle"]


@pytest.mark.parametrize("form", APPS)
def test_opened_and_closed_once(form: str) -> None:
    """G1, G3: one engine for all requests; the client is closed before it, once."""
    log = asking.ask(APPS[form]).log
    assert log == ["engine opened", "prices closed", "engine closed"]


def test_their_own_tests() -> None:
    """What the page shows as the test, before and after."""
    depends.test_price()
    after.test_price()


def test_only_ours_leaves_the_original_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The overridden client is not made; the lifespan of the app with Depends makes it anyway."""
    made: list[str] = []

    class Counted(Prices):
        def __init__(self) -> None:
            made.append("prices")

    monkeypatch.setattr(depends, "Prices", Counted)
    monkeypatch.setattr(after, "Prices", Counted)
    depends.test_price()
    assert made == ["prices"]
    with after.container.override(Prices, FakePrices()):
        asking.ask(after.app)
    assert made == ["prices"]


@pytest.mark.parametrize("container", ["dishka", "wireup", "dependency_injector"])
def test_texts_of_other_containers(container: str) -> None:
    """They are Python, and their page says the version with which compare.py has run them."""
    ast.parse((HERE / f"{container}.txt").read_text(encoding="utf-8"))
    measured = (HERE / "RESULTS.md").read_text(encoding="utf-8")
    version = re.search(rf"^{container} (\S+)\n  same answers: True", measured, re.MULTILINE)
    assert version is not None
    name = f"from-{container.replace('_', '-')}.md"
    page = HERE.parents[1] / "docs" / "how-to" / name
    assert f"those of version {version[1]}," in page.read_text(encoding="utf-8")
