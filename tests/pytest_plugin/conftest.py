import pytest

from pytest_plugin.projects import FLAVOURS, Flavour, Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project to be tested by pytest, with an app in `kiosk.py`."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Project(pytester)


@pytest.fixture(params=list(FLAVOURS))
def flavour(request: pytest.FixtureRequest, project: Project) -> Flavour:
    """Every way to run async tests; `anyio_backend` is set in conftest.py."""
    flavour = FLAVOURS[request.param]
    project.conftest(flavour.backend)
    return flavour
