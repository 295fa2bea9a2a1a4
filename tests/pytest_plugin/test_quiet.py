"""Projects that do not use the plugin do not notice it."""

import subprocess
import sys
import tomllib
from pathlib import Path

from pytest_plugin.projects import Project

ROOT = Path(__file__).parents[2]


def test_it_is_registered() -> None:
    """Whoever installs lifescope has the plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name = "lifescope.pytest_plugin"  # as for -p, so that both may be there
    assert project["entry-points"]["pytest11"] == {name: name}


def test_what_an_import_costs() -> None:
    """Besides lifescope and what pytest loads anyway, it imports nothing of anybody's."""
    program = """
import sys, pytest, anyio.pytest_plugin, lifescope
before = set(sys.modules)
import lifescope.pytest_plugin
new = set(sys.modules) - before
assert {name.partition(".")[0] for name in new} - sys.stdlib_module_names == {"lifescope"}, new
assert not {"starlette", "httpx", "httpx2", "lifescope.testing"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_project_that_does_not_use_it(project: Project) -> None:
    """No app has to be named, no thread is started, and nothing is imported."""
    project.ini()
    project.files(
        test_it="""
        import sys
        import threading

        import pytest

        def test_sync():
            assert threading.active_count() == 1
            assert "starlette" not in sys.modules

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
        async def test_async(anyio_backend):
            pass

        @pytest.mark.parametrize("number", [1, 2])
        def test_parametrized(request, number):
            assert not [name for name in request.fixturenames if "lifescope" in name]
        """
    )
    result = project.run("-v", in_process=False)
    result.assert_outcomes(passed=5)


def test_the_order_of_tests_stays(project: Project) -> None:
    """Tests with and without an app that runs for the session stay in their order."""
    project.ini("lifescope_app = kiosk:app", "lifescope_run_per = session")
    project.files(
        test_it="""
        def test_a(lifescope_client): pass
        def test_b(): pass
        def test_c(lifescope_client): pass
        def test_d(): pass
        """
    )
    result = project.run("-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines([f"test_it.py::test_{each} *" for each in "abcd"])


def test_fixtures_are_documented(project: Project) -> None:
    """`pytest --fixtures` tells what there is, and nothing that is for inner use."""
    project.files(
        test_it="""
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        orders = lifescope_fixture(kiosk.Orders)
        """
    )
    result = project.run("--fixtures")
    shown = [line.split()[0] for line in result.outlines if line.startswith("lifescope_")]
    assert sorted(shown) == [
        "lifescope_app",
        "lifescope_async_client",
        "lifescope_client",
        "lifescope_container",
        "lifescope_override",
        "lifescope_replacements",
        "lifescope_running",
        "lifescope_scope",
        "lifescope_values",
    ]
    result.stdout.fnmatch_lines(["orders -- *", "    Orders, from the app under test."])
