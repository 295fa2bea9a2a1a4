"""The pages about errors, their blocks, and how the programs in them are run.

A program is a module, `shop`, in a folder of its own, so that places are the same everywhere. If
it has a `main`, that is called, and awaited. It shows its error by raising it, or where providers
are only told of it, by printing it.

To write the messages anew: REWRITE_GOLDEN=1 pytest tests/pages, and look at the difference.
"""

import functools
import importlib.util
import inspect
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from lifescope import LifescopeError, errors

__all__ = ["CLASSES", "CODES", "FOLDER", "Page", "Run", "check_message"]

FOLDER = Path(errors.__file__).with_name("pages")

CLASSES: dict[str, type[LifescopeError]] = {
    error.code: error
    for name in errors.__all__
    if inspect.isclass(error := getattr(errors, name)) and error.code
}
"""Every code, with the class that has it."""

CODES = sorted(CLASSES)

LIMIT = 20
"""Seconds that a program may take."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What stands on a page."""

    code: str

    @functools.cached_property
    def text(self) -> str:
        return errors.page(self.code)

    @property
    def programs(self) -> list[str]:
        """The wrong one, the mended one, and maybe others that are right, too."""
        return [match[2] for match in _BLOCK.finditer(self.text) if match[1] == "python"]

    @property
    def message(self) -> str:
        """What the wrong one says."""
        start, end = self._where()
        return self.text[start:end]

    def with_message(self, message: str) -> str:
        start, end = self._where()
        return self.text[:start] + message + self.text[end:]

    def _where(self) -> tuple[int, int]:
        return next(match.span(2) for match in _BLOCK.finditer(self.text) if match[1] == "text")


class Run:
    """Runs programs, in the working directory."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, program: str) -> Any:
        """The module that *program* is; what it raises comes out."""
        path = Path("shop.py").resolve()
        path.write_text(program, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("shop", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self._patch.setitem(sys.modules, "shop", module)
        spec.loader.exec_module(module)
        main = getattr(module, "main", None)
        if inspect.iscoroutinefunction(main):
            anyio.run(_in_time, main)
        elif main is not None:
            main()
        return module


async def _in_time(main: Any) -> None:
    with anyio.fail_after(LIMIT):
        await main()


def check_message(page: Page, said: str) -> None:
    """Compare what was said with the page; or write it there, if the environment says so."""
    said = _without_times(said) + "\n"
    if os.environ.get("REWRITE_GOLDEN") and said != page.message:
        (FOLDER / f"{page.code}.md").write_text(page.with_message(said), encoding="utf-8")
        page = Page(page.code)
    assert said.splitlines() == page.message.splitlines(), (
        "REWRITE_GOLDEN=1 pytest tests/pages, if it is right"
    )


def _without_times(text: str) -> str:
    """*text* with the same durations in every run."""
    return re.sub(r"(?<= starting for )\S+ m?s\b", "100 ms", text)
