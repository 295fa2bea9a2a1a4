"""The page "Read settings and secrets": where values come from, and where they are not shown."""

from pathlib import Path
from traceback import format_exception

import pytest
from starlette.testclient import TestClient

from howto.settings import (
    PageSize,
    Settings,
    app,
    container,
    create_app,
    create_service,
    read_secret,
    without_settings,
)
from lifescope import provider

ENV = {"SHOP_PAYMENTS_URL": "http://payments.test", "SHOP_PAYMENTS_TOKEN": "hidden"}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_environment_is_read_at_the_start(env: pytest.MonkeyPatch) -> None:
    """The module was imported before the variables were there."""
    env.setenv("SHOP_PAGE_SIZE", "7")
    with TestClient(app) as client:
        assert client.get("/").json() == ["7", "http://payments.test"]


def test_missing_variable_fails_the_start(env: pytest.MonkeyPatch) -> None:
    """G7: the error is that of the provider, and names the variable."""
    env.delenv("SHOP_PAYMENTS_URL")
    with pytest.raises(KeyError, match="SHOP_PAYMENTS_URL"), TestClient(app):
        pass


def test_secret_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n", encoding="utf-8")
    assert read_secret({"TOKEN_FILE": str(file)}, "TOKEN") == "from a file"
    assert read_secret({"TOKEN": "from a variable"}, "TOKEN") == "from a variable"


def test_secret_shows_nowhere() -> None:
    """K07: neither the settings show it, nor what is said of a provider that was given them."""

    @provider(scope="app")
    def failing(settings: Settings) -> PageSize:
        raise RuntimeError("no connection")

    settings = Settings.from_env(ENV)
    assert "hidden" not in repr(settings)
    with pytest.raises(RuntimeError) as caught, without_settings.override(PageSize, failing):
        with TestClient(without_settings.asgi(create_app, values={Settings: settings})):
            pass
    assert "hidden" not in "".join(format_exception(caught.value))


def test_settings_are_handed_in() -> None:
    """A program reads its environment, and a test says what is in there."""
    with TestClient(create_service({**ENV, "SHOP_PAGE_SIZE": "3"})) as client:
        assert client.get("/").json() == ["3", "http://payments.test"]


# --8<-- [start:override]
def test_with_small_pages() -> None:
    settings = Settings("http://payments.test", "no secret", page_size=2)
    with container.override(Settings, settings), TestClient(app) as client:
        assert client.get("/").json()[0] == "2"


# --8<-- [end:override]
