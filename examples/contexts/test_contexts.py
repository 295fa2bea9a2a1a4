"""G6: who sees a context variable of the start, and that the picture in the docs is of that."""

import os
from pathlib import Path

import pytest

from contexts import measure, picture

pytestmark = pytest.mark.anyio

ASSET = Path(__file__).parents[2] / "docs" / "assets" / "contexts.svg"


@pytest.fixture
def anyio_backend() -> str:
    """The server is uvicorn's."""
    return "asyncio"


async def test_who_sees_it() -> None:
    """A lifespan function reaches none of its requests, a root all; a middleware's value wins."""
    before, after = (await measure.measure()).values()
    assert list(before.values()) == [*["not set"] * 5, "us-west"]
    assert list(after.values()) == [*["eu-north"] * 5, "us-west"]


async def test_the_picture_is_of_that() -> None:
    """REWRITE_GOLDEN=1 draws it anew."""
    drawn = picture.draw(await measure.measure())
    if os.environ.get("REWRITE_GOLDEN"):
        ASSET.write_text(drawn, encoding="utf-8")
    assert drawn == ASSET.read_text(encoding="utf-8"), "REWRITE_GOLDEN=1, if it is right"
