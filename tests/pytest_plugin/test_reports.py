"""What the command line asks for: acquisitions as they happen, and unused providers."""

import importlib.util

import pytest

from pytest_plugin.projects import Project

TESTS = """
    import kiosk

    def test_mail(lifescope_client):
        assert lifescope_client.get("/mail").text == "real"

    def test_fake(lifescope_client, lifescope_override):
        lifescope_override(kiosk.Mailer, kiosk.FakeMailer())
        assert lifescope_client.get("/mail").text == "fake"
"""


def test_setup_show(project: Project) -> None:
    """Acquisitions and releases are printed as they happen, with their places."""
    project.files(test_it=TESTS)
    result = project.run("--lifescope-setup-show", "--setup-show", "-k", "mail")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "    app: Engine acquired  engine() (kiosk.py:*)",
            "    app: Mailer acquired  mailer() (kiosk.py:*)",
            "*SETUP    F lifescope_client *",
            "    request: Session acquired  session() (kiosk.py:*)*",
            "    request: Orders acquired  Orders (kiosk.py:*)",
            "    request: Session released  session() (kiosk.py:*)*",
            "    app: Engine released  engine() (kiosk.py:*)",
        ]
    )


def test_setup_show_of_what_fails(project: Project) -> None:
    """What cannot be made, and what is told of an error, says so; values are never printed."""
    project.files(
        test_it="""
        import pytest
        import kiosk
        from lifescope import provider

        @provider(scope="app")
        def broken() -> kiosk.Mailer:
            raise OSError("secret")

        def test_it(lifescope_client, lifescope_override):
            lifescope_override(kiosk.Mailer, broken)
            with pytest.raises(OSError):
                lifescope_client.get("/mail")
        """
    )
    result = project.run("--lifescope-setup-show")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "    app: Mailer failed: OSError  broken() (test_it.py:*)",
            "    request: Session released, told of OSError  session() (kiosk.py:*)*",
        ]
    )
    result.stdout.no_fnmatch_line("*secret*")


def test_nothing_is_shown_unless_asked(project: Project) -> None:
    """Without the options there is no report, and nobody listens."""
    project.files(test_it=TESTS)
    result = project.run()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*acquired*")
    result.stdout.no_fnmatch_line("*providers*")


def test_unused(project: Project) -> None:
    """At the end, the providers that no test has used, and the share of the others (K11)."""
    project.files(test_it=TESTS)
    result = project.run("--lifescope-unused")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*= providers that no test has used =*",
            "4 of 5 providers used (80 %)",
            "  unused: work() (kiosk.py:*)",
        ],
        consecutive=True,
    )


def test_an_override_is_no_use(project: Project) -> None:
    """What every test replaces is unused, and the replacement is not counted."""
    project.files(test_it=TESTS)
    project.conftest(
        """
        import pytest
        import kiosk

        @pytest.fixture
        def lifescope_replacements():
            return {kiosk.Mailer: kiosk.FakeMailer()}
        """
    )
    result = project.run("--lifescope-unused", "-k", "fake")
    result.stdout.fnmatch_lines(
        [
            "3 of 5 providers used (60 %)",
            "  unused: mailer() (kiosk.py:*)",
            "  unused: work() (kiosk.py:*)",
        ]
    )


def test_no_container(project: Project) -> None:
    """A run that has no container under test says so."""
    project.files(test_it="def test_it(): pass")
    result = project.run("--lifescope-unused")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["no container was under test"])


@pytest.mark.parametrize("per", ["function", "session"])
def test_xdist(project: Project, per: str) -> None:
    """Workers of pytest-xdist have an app each; what they have used is reported together."""
    assert importlib.util.find_spec("xdist") is not None
    project.plugins("xdist.plugin")
    project.ini("lifescope_app = kiosk:app", f"lifescope_run_per = {per}")
    project.files(
        test_a=TESTS,
        test_b="""
        import kiosk
        from lifescope.pytest_plugin import lifescope_fixture

        work = lifescope_fixture(kiosk.Work)

        def test_work(work):
            assert type(work) is kiosk.Work
        """,
    )
    result = project.run("-n2", "--dist=loadfile", "--lifescope-unused", in_process=False)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["5 of 5 providers used (100 %)"])
    result.stdout.no_fnmatch_line("*unused:*")
