"""Overrides of tests that have no effect, or come too late: what is said, and where."""

from pytest_plugin.projects import Flavour, Project

SHELF = """
    from starlette.applications import Starlette
    from lifescope import Container, provider

    class Book:
        pass

    class Shelf:
        def __init__(self, book: Book):
            self.book = book

    class Forgotten:
        pass

    classes = (Book, Shelf, Forgotten)
    container = Container([provider(each, scope="app") for each in classes])
    app = container.asgi(Starlette)
"""


def _shelf(project: Project) -> None:
    project.ini("lifescope_app = shelf:app")
    project.files(shelf=SHELF)


def test_an_override_that_nobody_asks_for(project: Project) -> None:
    """G13: It is a warning at the line of the test, which is an error where warnings are."""
    _shelf(project)
    project.files(
        test_it="""
        import shelf

        def test_used(lifescope_client, lifescope_override):
            lifescope_override(shelf.Book, shelf.Book())

        def test_unused(lifescope_client, lifescope_override):
            lifescope_override(shelf.Forgotten, shelf.Forgotten())
        """
    )
    result = project.run()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*nothing asks for Forgotten, so its override*"])
    result = project.run("-W", "always::lifescope.UnusedOverrideWarning")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*test_it.py:7: UnusedOverrideWarning: nothing asks for *"])


def test_after_a_failure(project: Project) -> None:
    """G13: A test that has failed, was skipped or never ran is told about that only."""
    _shelf(project)
    project.files(
        test_it="""
        import pytest
        import shelf

        @pytest.fixture
        def fake(lifescope_override):
            lifescope_override(shelf.Forgotten, shelf.Forgotten())

        @pytest.fixture
        def broken(fake):
            raise KeyError

        def test_fails(fake):
            raise ZeroDivisionError

        def test_is_skipped(fake):
            pytest.skip()

        def test_never_runs(broken):
            pass
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1, skipped=1, errors=1)
    result.stdout.no_fnmatch_line("*nothing asks for*")


def test_everything_is_released_before_the_warning(project: Project, flavour: Flavour) -> None:
    """G13: Where the warning is an error, nothing of the override is left all the same."""
    project.conftest(flavour.backend)
    project.files(
        test_it=f"""
        import pytest
        import kiosk
        from lifescope import provider

        pytestmark = {flavour.mark}

        @provider(scope="app")
        async def fake_engine():
            yield kiosk.Engine()
            kiosk.note("end fake")

        async def test_it(lifescope_scope, lifescope_override):
            lifescope_override({{kiosk.Engine: fake_engine, kiosk.Work: None}})
            await lifescope_scope.get(kiosk.Engine)
        """
    )
    result = project.run(*flavour.options)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*nothing asks for Work*"])
    assert "end fake" in project.log


def test_replacements_that_nobody_asks_for(project: Project) -> None:
    """G13: The warning is at the fixture that says what is replaced."""
    _shelf(project)
    project.conftest(
        """
        import pytest
        import shelf

        @pytest.fixture
        def lifescope_replacements():
            return {shelf.Forgotten: shelf.Forgotten()}
        """
    )
    project.files(test_it="def test_it(lifescope_client): pass")
    result = project.run("-W", "always::lifescope.UnusedOverrideWarning")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*conftest.py:4: UnusedOverrideWarning: nothing asks for *"])


def test_a_late_override_shows_the_line_of_the_test(project: Project) -> None:
    """I02: The error ends at the test's own line, and is no override that was never entered."""
    project.files(
        test_it="""
        import gc
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        orders = lifescope_fixture(kiosk.Orders)

        def test_it(orders, lifescope_override):
            lifescope_override(kiosk.Mailer, kiosk.FakeMailer())

        def test_after():
            gc.collect()
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["test_it.py:8: RuntimeError"])
    result.stdout.no_fnmatch_line("*never entered*")
